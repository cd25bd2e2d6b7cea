import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { EngineModel } from "../../node-agent/engine/backend.ts";

/** The model that comes with the project. */
export const STARTER = fileURLToPath(new URL("../../node-agent/models/starter", import.meta.url));

/** The starter as an engine is told of it. */
export function starterModel(more: Partial<EngineModel> = {}): EngineModel {
  return {
    name: "starter",
    folder: STARTER,
    contextLength: 1024,
    task: "generate",
    architecture: "LlamaForCausalLM",
    quantization: "fp32",
    parameters: 5_480_000,
    createdAt: 0,
    ...more,
  };
}

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
