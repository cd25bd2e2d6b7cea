import { z } from "zod";
import { PorchlightError } from "../errors.ts";
import type { PluginName } from "../plugin/name.ts";
import type { TrustClient } from "./tuf/client.ts";

/** Of one plugin: the newest. */
export const MOST_LISTED_VERSIONS = 200;

/**
 * The versions of a plugin that a market offers, as its own signed target: whoever asks for updates learns from it which there are, and
 * nobody in between can keep the newest to himself for longer than the timestamp lives.
 */
export const listedVersionSchema = z.strictObject({
  version: z.string().max(64),
  /** Hash of the package, which consent is bound to. */
  package: z.string().regex(/^[0-9a-f]{64}$/),
  /** Its publisher took it out of the catalogue. */
  yanked: z.literal(true).exactOptional(),
});
export type ListedVersion = z.infer<typeof listedVersionSchema>;

export const versionListSchema = z.strictObject({
  name: z.string().max(90),
  versions: z.array(listedVersionSchema).max(MOST_LISTED_VERSIONS),
});

/** The path of a plugin's versions in the market's metadata. */
export function versionsPath({ publisher, name }: PluginName): string {
  return `${publisher}/${name}/versions.json`;
}

/** What the market offers of a plugin; none: it knows of no such plugin. Throws PorchlightError `market_...`. */
export async function fetchVersions(client: TrustClient, plugin: PluginName): Promise<ListedVersion[]> {
  const path = versionsPath(plugin);
  if ((await client.target(path)) === undefined) return [];
  const parsed = versionListSchema.safeParse(parseJson(await client.download(path)));
  if (!parsed.success || parsed.data.name !== `@${plugin.publisher}/${plugin.name}`)
    throw new PorchlightError("market_unreadable", `The market's list of versions '${path}' is not one.`);
  return parsed.data.versions;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined; // Said by the schema.
  }
}
