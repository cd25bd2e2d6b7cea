import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import { removeModel } from "../model/store/remove.ts";
import { CommandError } from "./command-error.ts";
import { findModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes } from "./models-units.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight models rm`: asks first in a terminal, and wants --yes elsewhere. */
export async function removeModelNamed({ flags, modelsDir, model: name }: ModelsContext): Promise<number> {
  const { place, bytes, bundled } = await findModel(modelsDir, name);
  if (bundled) throw new CommandError("request_failed", `${name} comes with Porchlight and stays.`);
  if (!flags.yes && !(await isConfirmed(`Remove ${name} (${formatBytes(bytes)})? [y/N] `))) {
    say("Nothing was removed.");
    return 1;
  }
  await removeModel(modelsDir, name, basename(place));
  if (flags.json) process.stdout.write(`${JSON.stringify({ name, removed: true, bytes })}\n`);
  else say(`${styled("green", "✓")} ${name} is removed, ${formatBytes(bytes)} are free again.`);
  return 0;
}

async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CommandError("bad_usage", "Nobody is here to ask: add --yes to remove the model.");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
