import { z } from "@hono/zod-openapi";
import { FINDINGS, SEVERITIES } from "../../shared/market/findings.ts";
import { VERSION_STATES } from "../../shared/market/states.ts";
import { parseManifest } from "../../shared/plugin/package.ts";
import type { listFindings, VersionOf } from "../market/store/versions.ts";

export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const iso = (ms: number): string => new Date(ms).toISOString();
const maybe = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export const versionParams = z.object({ id: z.string().max(128) });
export const pluginParams = z.object({ publisher: z.string().max(64), name: z.string().max(64) });

export const findingSchema = z
  .object({
    severity: z.enum(SEVERITIES),
    code: z.string(),
    message: z.string(),
    path: z.string(),
    line: z.number().int().openapi({ description: "From 1; 0: the whole file." }),
    excerpt: z.string(),
  })
  .openapi("MarketFinding");

export const marketVersionSchema = z
  .object({
    id: z.string(),
    plugin: z.string().openapi({ example: "@ada/weather" }),
    version: z.string(),
    state: z.enum(VERSION_STATES),
    stateAt: z.iso.datetime(),
    words: z.string().openapi({ description: "Why, in words of a reviewer or of the checks." }),
    hash: z.string().openapi({ description: "SHA-256 (hex) of the canonical manifest: the package's name." }),
    sha256: z.string().openapi({ description: "SHA-256 (hex) of the package." }),
    bytes: z.number().int(),
    manifest: z.record(z.string(), z.unknown()),
    official: z.boolean(),
    createdAt: z.iso.datetime(),
    publishedAt: z.iso.datetime().nullable(),
  })
  .openapi("MarketVersion");
export type ShownVersion = z.infer<typeof marketVersionSchema>;

export function shownVersion({ version, plugin }: Pick<VersionOf, "version" | "plugin">): ShownVersion {
  const { id, state, stateAt, words, hash, sha256, bytes, manifest, official, createdAt, publishedAt } = version;
  return {
    id,
    plugin: `@${plugin.namespace}/${plugin.name}`,
    version: version.version,
    state,
    stateAt: iso(stateAt),
    words,
    hash,
    sha256,
    bytes,
    manifest: parseManifest(JSON.parse(manifest)),
    official,
    createdAt: iso(createdAt),
    publishedAt: maybe(publishedAt),
  };
}

export function shownFindings(found: Awaited<ReturnType<typeof listFindings>>): z.infer<typeof findingSchema>[] {
  return found.map(({ severity, code, path, line, excerpt }) => ({
    severity,
    code,
    message: code in FINDINGS ? FINDINGS[code as keyof typeof FINDINGS].message : code, // as an earlier edge wrote it
    path,
    line,
    excerpt,
  }));
}
