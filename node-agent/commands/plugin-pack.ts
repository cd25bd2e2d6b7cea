import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { manifestHash, writePackage } from "../../shared/plugin/package.ts";
import { permissionWords, sizeWords } from "../../shared/plugin/permission-words.ts";
import { buildPlugin } from "../plugins/build.ts";
import type { PluginFlags } from "./plugin.ts";
import { say, styled } from "./terminal.ts";

/** Of a README that the market shows. */
const README = "README.md";

/** `porchlight plugin pack [FOLDER]`: one file, the same bytes for the same source. */
export async function packPlugin({ out, json }: PluginFlags, [given = "."]: string[]): Promise<number> {
  const folder = resolve(given);
  const { manifest, files } = await buildPlugin(folder, await extraFiles(folder));
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

async function extraFiles(folder: string): Promise<Map<string, Uint8Array>> {
  const readme = await readFile(join(folder, README)).catch(() => undefined);
  return new Map(readme === undefined ? [] : [[README, new Uint8Array(readme)]]);
}
