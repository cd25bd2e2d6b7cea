import { rollBack } from "../model/store/choose-version.ts";
import { ownModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight models rollback`: the version before the active one, or the one named, becomes active at once. */
export async function rollBackModel({ flags, modelsDir, model, version }: ModelsContext): Promise<number> {
  const { name } = await ownModel(modelsDir, model);
  const { from, to } = await rollBack(modelsDir, name, version);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ name, version: to, ...(from === undefined ? {} : { from }) })}\n`);
    return 0;
  }
  const was = from === undefined ? "" : `, which ran ${from}`;
  if (from === to) say(`${styled("bold", name)} runs ${to} already.`);
  else say(`${styled("green", "✓")} ${styled("bold", name)}${was}, runs ${to}. A running agent takes it by itself.`);
  say(`  To keep it there through the next pull: porchlight models pin ${name}`);
  return 0;
}
