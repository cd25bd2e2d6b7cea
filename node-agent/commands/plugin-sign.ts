import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readPackage, writePackage } from "../../shared/plugin/package.ts";
import { signManifest } from "../../shared/plugin/signature.ts";
import { dataFolder } from "../data-folder.ts";
import { type KeyPair, PublisherKeys } from "../plugins/publisher-keys.ts";
import { CommandError } from "./command-error.ts";
import type { PluginFlags } from "./plugin.ts";
import { publishPlugin } from "./plugin-publish.ts";
import { say, styled } from "./terminal.ts";

/** The one that is made where there is none. */
const FIRST = "publisher";

/** `porchlight plugin keys [NAME]`: the keys of this machine, or a new one. */
export async function publisherKeys({ data, json }: PluginFlags, [name]: string[]): Promise<number> {
  const keys = keysOf(data);
  if (name !== undefined) {
    const made = await keys.make(name);
    say(`${styled("green", "✓")} Made the key ${made.name}. It stays on this machine; back it up like a password.`);
  }
  const list = await keys.list();
  if (json) process.stdout.write(`${JSON.stringify(list)}\n`);
  else if (list.length === 0)
    say("There is no key yet. 'porchlight plugin sign FILE' makes one, 'porchlight plugin keys NAME' another.");
  else for (const { name: own, publicKey } of list) process.stdout.write(`${own}  ${publicKey}\n`);
  return 0;
}

/** `porchlight plugin sign FILE`: puts the publisher's signature into the package. The first time it makes a key. */
export async function signPlugin({ data, key }: PluginFlags, [file]: string[]): Promise<number> {
  const bytes = await readPlugin(file);
  const { manifest, files } = await readPackage(bytes);
  const pair = await keyFor(keysOf(data), key);
  await writeFile(file ?? "", writePackage(manifest, files, await signManifest(manifest, pair.keys)));
  say(`${styled("green", "✓")} ${file} is signed by ${pair.name} (${pair.publicKey})`);
  return 0;
}

/** `porchlight plugin publish FILE`: see `publishPlugin`. */
export async function publish({ data, origin, json, official }: PluginFlags, [file]: string[]): Promise<number> {
  await readPlugin(file);
  const keys = keysOf(data);
  const flags = {
    json,
    official,
    ...(data === undefined ? {} : { data }),
    ...(origin === undefined ? {} : { origin }),
  };
  return await publishPlugin(flags, file ?? "", async (publicKey) => {
    const found = (await keys.list()).find((one) => one.publicKey === publicKey);
    if (found === undefined) return undefined;
    const { name, keys: pair } = await keys.find(found.name);
    return { name, privateKey: pair.privateKey };
  });
}

function keysOf(data: string | undefined): PublisherKeys {
  return new PublisherKeys(join(dataFolder(data).root, "publisher-keys"));
}

async function keyFor(keys: PublisherKeys, name: string | undefined): Promise<KeyPair> {
  if (name !== undefined) return await keys.find(name);
  const list = await keys.list();
  const [only, ...others] = list;
  if (only === undefined) {
    const made = await keys.make(FIRST);
    say(`${styled("green", "✓")} Made your publisher's key. It stays on this machine; back it up like a password.`);
    return made;
  }
  if (others.length === 0) return await keys.find(only.name);
  throw new CommandError(
    "bad_usage",
    `There are several keys here: say --key ${list.map((one) => one.name).join(" | ")}.`,
  );
}

async function readPlugin(file: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (file === undefined) throw new CommandError("bad_usage", "Name a package: porchlight plugin pack writes one.");
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CommandError("bad_usage", `${file} cannot be read. Name a package: porchlight plugin pack`, { cause });
  });
  return new Uint8Array(bytes);
}
