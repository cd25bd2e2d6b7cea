import { basename, resolve } from "node:path";
import { pluginNameSchema } from "../../shared/plugin/manifest.ts";
import { readSkill, type Skill } from "../plugins/skill.ts";
import { skillPluginFiles } from "../plugins/skill-template.ts";
import { CommandError } from "./command-error.ts";
import type { PluginFlags } from "./plugin.ts";
import { writePluginFolder } from "./plugin-new.ts";
import { printable, say } from "./terminal.ts";

/** Files that are named as left out. */
const SHOWN = 3;

/** `porchlight plugin import-skill FOLDER [@me/NAME]`: a folder with a plugin that has the skill's texts as its knowledge. */
export async function importSkill({ out }: PluginFlags, [from, given]: string[]): Promise<number> {
  if (from === undefined)
    throw new CommandError("bad_usage", "Name the folder of its SKILL.md: porchlight plugin import-skill FOLDER");
  const skill = await readSkillOf(resolve(from));
  const parsed = pluginNameSchema.safeParse(given ?? `@me/${skill.name}`);
  if (!parsed.success) throw new CommandError("bad_usage", parsed.error.issues[0]?.message ?? "That is no name.");
  const name = parsed.data;
  const folder = resolve(out ?? `${basename(name)}-plugin`);
  await writePluginFolder(folder, skillPluginFiles(name, skill));
  const more = skill.left.length > SHOWN ? ` and ${skill.left.length - SHOWN} more` : "";
  if (skill.left.length > 0)
    say(`Left out, because knowledge runs nothing: ${printable(skill.left.slice(0, SHOWN).join(", "))}${more}`);
  say();
  say(`${name} is in ${folder}, with ${skill.passages.length} passages. Pack it, and install it:`);
  say(`  porchlight plugin pack ${folder}`);
  return 0;
}

async function readSkillOf(folder: string): Promise<Skill> {
  try {
    return await readSkill(folder);
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError("bad_usage", printable(error.message), { cause: error });
    throw error;
  }
}
