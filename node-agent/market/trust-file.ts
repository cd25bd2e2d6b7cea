import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { TrustStore } from "../../shared/market/tuf/client.ts";
import { revocationSchema } from "../../shared/market/revocations.ts";
import { writePrivateFile } from "../data-folder.ts";

const fileSchema = z.strictObject({
  origin: z.string(),
  trusted: z.record(z.string(), z.string()),
  revocations: z.array(revocationSchema),
});
export type TrustFile = z.infer<typeof fileSchema>;

/**
 * What this machine trusts of a market and which plugins that took back, in one file: written whole or not at all. Of another market
 * nothing is taken over but that: what was revoked stays so.
 */
export async function openTrustFile(
  path: string,
  origin: string,
): Promise<TrustFile & { store: TrustStore; save(): Promise<void> }> {
  const kept = await readTrustFile(path);
  const file: TrustFile = {
    origin,
    trusted: kept?.origin === origin ? kept.trusted : {},
    revocations: kept?.revocations ?? [],
  };
  return Object.assign(file, {
    save: async () => {
      const { trusted, revocations } = file;
      await writePrivateFile(path, JSON.stringify({ origin, trusted, revocations } satisfies TrustFile));
    },
    store: {
      get: async (name: string) => file.trusted[name],
      set: async (entries: Readonly<Record<string, string | undefined>>) => {
        const next = { ...file.trusted, ...entries };
        file.trusted = Object.fromEntries(
          Object.entries(next).filter((one): one is [string, string] => one[1] !== undefined),
        );
      },
    },
  });
}

/** Undefined where there is none, or none that can be read: then trust begins anew. */
async function readTrustFile(path: string): Promise<TrustFile | undefined> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}
