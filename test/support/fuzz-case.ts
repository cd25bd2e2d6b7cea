import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { PorchlightError } from "../../shared/errors.ts";
import type { FuzzTarget } from "./fuzz-targets.ts";

/** What became of one damaged file. */
export type Outcome = "read" | "refused";

/** Longer than any sentence we write: a message that quotes a file without end. */
const MAX_MESSAGE_CHARACTERS = 20_000;

/** The bytes of case `index` under a seed: always the same. */
export function caseBytes({ damaged }: FuzzTarget, seed: number, index: number): Uint8Array {
  // Neighbours of a seed must not be each other's cases.
  const [bytes = new Uint8Array()] = fc.sample(damaged, { seed: Math.imul(seed ^ index, 0x9e3779b1), numRuns: 1 });
  return bytes;
}

/**
 * Writes a damaged file and reads it as the product would. Throws for everything but a result and a named error, and if the objects of
 * this process were changed by it.
 */
export async function runCase(target: FuzzTarget, folder: string, bytes: Uint8Array): Promise<Outcome> {
  await writeFile(join(folder, target.file), bytes);
  const outcome = await readOrRefuse(target, folder);
  if ("polluted" in {}) throw new Error("The prototype of all objects was changed.");
  return outcome;
}

async function readOrRefuse(target: FuzzTarget, folder: string): Promise<Outcome> {
  try {
    await target.read(folder);
    return "read";
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code === "internal") throw error;
    if (error.message.length > MAX_MESSAGE_CHARACTERS) {
      throw new Error(`The message has ${error.message.length} characters.`, { cause: error });
    }
    return "refused";
  }
}
