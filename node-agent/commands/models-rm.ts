import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import { CompiledCache } from "../model/compiled-cache.ts";
import { type Removal, removeModel, removeVersion } from "../model/store/remove.ts";
import { resolveVersion } from "../model/store/versions.ts";
import { CommandError } from "./command-error.ts";
import { findModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes } from "./models-units.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight models rm`: asks first in a terminal, and wants --yes elsewhere. Removes a model, or one version of it. */
export async function removeModelNamed(context: ModelsContext): Promise<number> {
  const { flags, modelsDir, model: name, version } = context;
  const { place, bytes, bundled } = await findModel(modelsDir, name);
  if (bundled) throw new CommandError("request_failed", `${name} comes with Porchlight and stays.`);
  if (version !== undefined) return await removeOneVersion(context, version);
  if (!flags.yes && !(await isConfirmed(`Remove ${name} (${formatBytes(bytes)})? [y/N] `))) {
    say("Nothing was removed.");
    return 1;
  }
  const removal = await removeModel(modelsDir, name, basename(place));
  return await done(context, name, removal, { name });
}

async function removeOneVersion(context: ModelsContext, wanted: string): Promise<number> {
  const { flags, modelsDir, model: name } = context;
  const { id: version, active } = await resolveVersion(modelsDir, name, wanted);
  if (active) {
    const message = `${version} is what ${name} runs. Roll back to another first (porchlight models rollback ${name}), or remove all of it.`;
    throw new CommandError("request_failed", message);
  }
  if (!flags.yes && !(await isConfirmed(`Remove version ${version} of ${name}? [y/N] `))) {
    say("Nothing was removed.");
    return 1;
  }
  return await done(context, `${name}@${version}`, await removeVersion(modelsDir, name, version), { name, version });
}

async function done(
  { flags, compiledDir }: ModelsContext,
  what: string,
  { freedBytes: bytes, folders }: Removal,
  which: { name: string; version?: string },
): Promise<number> {
  await new CompiledCache(compiledDir).removeOf(folders);
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...which, removed: true, bytes })}\n`);
  else say(`${styled("green", "✓")} ${what} is removed, ${formatBytes(bytes)} are free again.`);
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
