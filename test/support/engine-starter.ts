import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** The model that comes with the project. */
export const STARTER = fileURLToPath(new URL("../../node-agent/models/starter", import.meta.url));

const referenceSchema = z.object({
  references: z.array(
    z.object({
      name: z.string(),
      prompt: z.string(),
      prompt_ids: z.array(z.number()),
      greedy_ids: z.array(z.number()),
      greedy_text: z.string(),
      eos_at: z.number().nullable(),
    }),
  ),
});

/** What an independent implementation computed for it: see its README. */
export async function readReferences() {
  return referenceSchema.parse(JSON.parse(await readFile(join(STARTER, "reference.json"), "utf8"))).references;
}

export async function readStarterJson(name: string): Promise<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(join(STARTER, name), "utf8")));
}
