import { pinVersion, unpinVersion } from "../model/store/choose-version.ts";
import { ownModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight models pin`: keeps a version active through pulls; without one, that which is active now. */
export async function pinModel({ flags, modelsDir, model, version: wanted }: ModelsContext): Promise<number> {
  const { name } = await ownModel(modelsDir, model);
  const version = await pinVersion(modelsDir, name, wanted);
  if (flags.json) process.stdout.write(`${JSON.stringify({ name, version, pinned: true })}\n`);
  else say(`${styled("green", "✓")} ${styled("bold", name)} stays at ${version}: pulls leave it there.`);
  return 0;
}

/** `porchlight models unpin`. */
export async function unpinModel({ flags, modelsDir, model }: ModelsContext): Promise<number> {
  const { name } = await ownModel(modelsDir, model);
  const wasPinned = await unpinVersion(modelsDir, name);
  if (flags.json) process.stdout.write(`${JSON.stringify({ name, pinned: false, changed: wasPinned })}\n`);
  else if (wasPinned)
    say(`${styled("green", "✓")} ${styled("bold", name)} goes to its newest version at the next pull.`);
  else say(`${name} was not pinned.`);
  return 0;
}
