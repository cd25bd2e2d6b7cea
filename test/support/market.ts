import { type ManifestDraft, manifestDraftSchema } from "../../shared/plugin/manifest.ts";
import { completeManifest, type PluginPackage, readPackage, writePackage } from "../../shared/plugin/package.ts";
import { signManifest } from "../../shared/plugin/signature.ts";
import { toBase64Url } from "../../shared/protocol/base64url.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";

export interface PublisherKeys {
  publicKey: SigningKey;
  privateKey: SigningKey;
  /** Base64url of the raw public key. */
  raw: string;
}

export async function newPublisherKeys(): Promise<PublisherKeys> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("publicKey" in pair)) throw new Error("no pair of keys");
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error("no raw key");
  return { ...pair, raw: toBase64Url(new Uint8Array(raw)) };
}

export const MODULE = `export default { tools: { greet: {
  description: "Greets.", input: { type: "object" }, async execute() { return "hello"; } } } };
`;
const WORDS = { en: "Greets people", zh: "打招呼" };

export interface PackageWanted {
  name: string;
  version?: string;
  code?: string;
  files?: Record<string, string | Uint8Array>;
  draft?: Partial<ManifestDraft>;
}

/** A package of one module, and its bytes; signed where there is a key. */
export async function makePackage(
  { name, version = "1.0.0", code = MODULE, files = {}, draft = {} }: PackageWanted,
  keys?: PublisherKeys,
): Promise<PluginPackage & { bytes: Uint8Array<ArrayBuffer> }> {
  const utf8 = new TextEncoder();
  const contents = new Map(
    Object.entries({ "main.js": code, ...files }).map(([path, content]) => [
      path,
      typeof content === "string" ? utf8.encode(content) : content,
    ]),
  );
  const wanted = { name, version, title: WORDS, description: WORDS, kind: "tool", entry: "main.js", ...draft };
  const manifest = await completeManifest(manifestDraftSchema.parse(wanted), contents);
  const signature = keys === undefined ? undefined : await signManifest(manifest, keys);
  const bytes = writePackage(manifest, contents, signature);
  return { ...(await readPackage(bytes)), bytes };
}
