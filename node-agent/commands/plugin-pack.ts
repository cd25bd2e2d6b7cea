import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { manifestHash, writePackage } from "../../shared/plugin/package.ts";
import { permissionWords, sizeWords } from "../../shared/plugin/permission-words.ts";
import { buildPlugin } from "../plugins/build.ts";
import { readmeOf } from "../plugins/readme.ts";
import type { PluginFlags } from "./plugin.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight plugin pack [FOLDER]`: one file, the same bytes for the same source. */
export async function packPlugin({ out, json }: PluginFlags, [given = "."]: string[]): Promise<number> {
  const folder = resolve(given);
  const { manifest, files } = await buildPlugin(folder, await readmeOf(folder));
  const bytes = writePackage(manifest, files);
  const hash = await manifestHash(manifest);
  const { name, version, permissions } = manifest;
  const file = resolve(out ?? `${name.slice(name.indexOf("/") + 1)}-${version}.plugin`);
  await writeFile(file, bytes);
  if (json) {
    process.stdout.write(`${JSON.stringify({ file, name, version, hash, bytes: bytes.length })}\n`);
    return 0;
  }
  say(`${styled("green", "✓")} ${file}`);
  say(`${name} ${version}, ${sizeWords(bytes.length)}, ${files.size} files, ${hash.slice(0, 16)}…`);
  for (const { risk, text } of permissionWords(permissions, "en")) {
    say(`  ${risk === "high" ? styled("yellow", "!") : "·"} ${text}`);
  }
  say();
  say(`Sign it:  porchlight plugin sign ${file}`);
  return 0;
}
