import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pluginNameSchema } from "../../shared/plugin/manifest.ts";
import { newPluginFiles } from "../plugins/template.ts";
import { CommandError } from "./command-error.ts";
import type { PluginFlags } from "./plugin.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight plugin new @me/NAME`: a folder with a plugin that works. */
export async function newPlugin({ out }: PluginFlags, [given]: string[]): Promise<number> {
  if (given === undefined) throw new CommandError("bad_usage", "Name it: porchlight plugin new @ada/weather");
  const name = given.startsWith("@") ? given : `@me/${given}`;
  const parsed = pluginNameSchema.safeParse(name);
  if (!parsed.success) throw new CommandError("bad_usage", parsed.error.issues[0]?.message ?? "That is no name.");
  const folder = resolve(out ?? name.slice(name.indexOf("/") + 1));
  await writePluginFolder(folder, newPluginFiles(name));
  say();
  say(`${name} is in ${folder}. Try it, and change it while it runs:`);
  say(`  porchlight plugin dev ${folder}`);
  return 0;
}

/** Writes a new plugin's files where nothing is yet. Throws CommandError. */
export async function writePluginFolder(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  const there = await readdir(folder).catch(() => []);
  if (there.length > 0)
    throw new CommandError("bad_usage", `There is something in ${folder} already. Name another: --out FOLDER`);
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    say(`${styled("green", "✓")} ${path}`);
  }
}
