import { z } from "zod";

/** A graphics processor as its driver names it. */
export const gpuSchema = z.object({
  vendor: z.enum(["nvidia", "amd", "intel", "apple", "qualcomm", "other"]),
  name: z.string().max(128),
  /** Its own memory; absent where it shares the machine's, or where that is not told. */
  memoryBytes: z.number().int().positive().optional(),
  driver: z.string().max(128).optional(),
});
export type Gpu = z.infer<typeof gpuSchema>;

const VENDOR_WORDS = [
  ["nvidia", /nvidia|geforce|quadro|tesla/i],
  ["amd", /\bamd\b|radeon|\bati\b/i],
  ["intel", /intel/i],
  ["apple", /apple/i],
  ["qualcomm", /qualcomm|adreno/i],
] as const;

/** The vendor that a name or a driver's words tell of. */
export function vendorOf(words: string): Gpu["vendor"] {
  return VENDOR_WORDS.find(([, pattern]) => pattern.test(words))?.[0] ?? "other";
}

/** A GPU from text of any length; undefined without a name. */
export function gpu(found: { [Key in keyof Gpu]: Gpu[Key] | undefined }): Gpu | undefined {
  const name = found.name?.trim().slice(0, 128);
  if (name === undefined || name === "") return undefined;
  const { vendor = "other", memoryBytes } = found;
  const driver = found.driver?.trim().slice(0, 128);
  return {
    vendor,
    name,
    ...(memoryBytes !== undefined && Number.isSafeInteger(memoryBytes) && memoryBytes > 0 ? { memoryBytes } : {}),
    ...(driver === undefined || driver === "" ? {} : { driver }),
  };
}
