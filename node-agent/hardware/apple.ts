import { z } from "zod";
import { type Gpu, gpu, vendorOf } from "./gpu.ts";
import { parseJson } from "./parse-json.ts";

export const SYSTEM_PROFILER_ARGS = ["-json", "-detailLevel", "mini", "SPDisplaysDataType"];

const displaysSchema = z.object({
  SPDisplaysDataType: z.array(
    z.object({
      sppci_model: z.string(),
      sppci_cores: z.string().optional(),
      spdisplays_vram: z.string().optional(),
      spdisplays_vendor: z.string().optional(),
    }),
  ),
});

const UNIT_BYTES = { MB: 1024 ** 2, GB: 1024 ** 3 } as const;

/** Reads system_profiler's JSON of graphics cards; Apple's own chips share the machine's memory. */
export function parseSystemProfiler(text: string): Gpu[] {
  const cards = parseJson(displaysSchema, text)?.SPDisplaysDataType ?? [];
  return cards.flatMap((card) => {
    const cores = card.sppci_cores === undefined ? "" : ` (${card.sppci_cores} cores)`;
    const [, size, unit] = /^(\d+) (MB|GB)/.exec(card.spdisplays_vram ?? "") ?? [];
    const memoryBytes = unit === "MB" || unit === "GB" ? Number(size) * UNIT_BYTES[unit] : undefined;
    const vendor = vendorOf(`${card.spdisplays_vendor ?? ""} ${card.sppci_model}`);
    const found = gpu({ vendor, name: card.sppci_model + cores, memoryBytes, driver: undefined });
    return found === undefined ? [] : [found];
  });
}

/** What the name of the processor tells: each of Apple's own has a GPU. */
export function appleGpus(chip: string): Gpu[] {
  return /^Apple M\d/.test(chip) ? [{ vendor: "apple", name: chip }] : [];
}
