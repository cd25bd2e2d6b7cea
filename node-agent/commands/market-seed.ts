import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PorchlightError } from "../../shared/errors.ts";
import { writePackage } from "../../shared/plugin/package.ts";
import { signManifest } from "../../shared/plugin/signature.ts";
import { dataFolder } from "../data-folder.ts";
import { buildPlugin } from "../plugins/build.ts";
import { PublisherKeys } from "../plugins/publisher-keys.ts";
import { readmeOf } from "../plugins/readme.ts";
import type { MarketFlags } from "./market.ts";
import { publishPlugin } from "./plugin-publish.ts";
import { say, styled } from "./terminal.ts";

const PLUGINS = fileURLToPath(new URL("../../plugins/", import.meta.url));
/** Where a first-party plugin's code is not for the shelf. */
const NOT_PUBLISHED = ["hello"];
const KEY = "first-party";

/**
 * `porchlight market seed`: packs, signs and hands in every plugin of this repository, the way that anybody's go: reviewers have the last word. A
 * version that is there already is passed over. Returns 1 where one was refused.
 */
export async function seedMarket(flags: MarketFlags): Promise<number> {
  const keys = new PublisherKeys(join(dataFolder(flags.data).root, "publisher-keys"));
  const known = (await keys.list()).some(({ name }) => name === KEY);
  const { keys: pair, publicKey } = known ? await keys.find(KEY) : await keys.make(KEY);
  const scratch = await mkdtemp(join(tmpdir(), "porchlight-seed-"));
  let refused = 0;
  try {
    for (const folder of await pluginFolders()) {
      const { manifest, files } = await buildPlugin(folder, await readmeOf(folder));
      const file = join(scratch, "seed.plugin");
      await writeFile(file, writePackage(manifest, files, await signManifest(manifest, pair)));
      const findKey = async (wanted: string) =>
        await Promise.resolve(wanted === publicKey ? { name: KEY, privateKey: pair.privateKey } : undefined);
      refused += await publishPlugin(flags, file, findKey).catch((error: unknown) => {
        if (!(error instanceof PorchlightError) || error.code !== "version_taken") throw error;
        say(styled("dim", `· ${manifest.name} ${manifest.version} is there already`));
        return 0;
      });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  say("What waits for a reviewer is at /reviews.");
  return refused === 0 ? 0 : 1;
}

async function pluginFolders(): Promise<string[]> {
  const entries = await readdir(PLUGINS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const published = names.filter((name) => name !== "shared" && !NOT_PUBLISHED.includes(name));
  return published.toSorted((a, b) => (a < b ? -1 : 1)).map((name) => join(PLUGINS, name));
}
