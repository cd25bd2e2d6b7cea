import { PorchlightError } from "../../shared/errors.ts";
import { canonicalJson } from "../../shared/plugin/canonical.ts";
import { toHex } from "../../shared/plugin/hex.ts";
import { pluginNameOf } from "../../shared/plugin/name.ts";
import { type PluginPackage, readPackage } from "../../shared/plugin/package.ts";
import { type PublisherSignature, verifyManifest } from "../../shared/plugin/signature.ts";
import type { Database } from "../store/database.ts";
import { MARKET_LIMITS } from "./limits.ts";
import { submissionName } from "./packages.ts";
import { findNamespace, findPublisherKey } from "./store/publishers.ts";
import { countVersions, findVersion, putDraft, putPlugin, type VersionOf } from "./store/versions.ts";

export interface IntakeOptions {
  db: Database;
  packages: R2Bucket;
  nowMs: number;
}

/**
 * Takes a package that its publisher uploaded as a draft: it is whole, in its one form, and signed by a key of the publisher whose
 * namespace it is in. Nothing is unpacked: the format compresses nothing. Throws PorchlightError.
 */
export async function takeDraft(
  { db, packages, nowMs }: IntakeOptions,
  userId: string,
  bytes: Uint8Array,
): Promise<VersionOf> {
  const plugin = await readSigned(bytes);
  const { manifest, signature, hash } = plugin;
  const { publisher: namespace, name } = pluginNameOf(manifest.name);
  const publisher = await findNamespace(db, namespace);
  if (publisher === undefined)
    throw new PorchlightError("forbidden", `Nobody has claimed @${namespace} here. Claim it first, then publish.`);
  if (publisher.userId !== userId) throw new PorchlightError("forbidden", `@${namespace} is another publisher's.`);
  if ((await findPublisherKey(db, publisher.id, signature.publicKey)) === undefined)
    throw new PorchlightError("publisher_key_invalid");
  if ((await countVersions(db, publisher.id, ["draft"])) >= MARKET_LIMITS.drafts)
    throw new PorchlightError("queue_full", "You have as many drafts as are kept. Hand some in, or delete some.");
  const { seq } = await putPlugin(db, {
    namespace,
    name,
    kind: manifest.kind,
    titleEn: manifest.title.en,
    titleZh: manifest.title.zh,
    descriptionEn: manifest.description.en,
    descriptionZh: manifest.description.zh,
    createdAt: nowMs,
  });
  const id = crypto.randomUUID();
  const sha256 = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
  await packages.put(submissionName(id), bytes, { sha256 });
  const kept = await putDraft(db, {
    id,
    pluginSeq: seq,
    version: manifest.version,
    hash,
    sha256,
    bytes: bytes.length,
    manifest: canonicalJson(manifest),
    signature: JSON.stringify(signature),
    readme: readmeOf(plugin),
    submittedBy: userId,
    createdAt: nowMs,
  });
  const draft = kept ? await findVersion(db, id) : undefined;
  if (draft !== undefined) return draft;
  await packages.delete(submissionName(id));
  throw new PorchlightError("version_taken");
}

/** Throws `plugin_invalid` or `publisher_key_invalid`. */
async function readSigned(bytes: Uint8Array): Promise<PluginPackage & { signature: PublisherSignature }> {
  const plugin = await readPackage(bytes);
  const { manifest, signature } = plugin;
  if (signature === undefined)
    throw new PorchlightError(
      "publisher_key_invalid",
      "The package is not signed. Run 'porchlight plugin sign' first.",
    );
  if (!(await verifyManifest(manifest, signature)))
    throw new PorchlightError(
      "publisher_key_invalid",
      "The package's signature does not fit its manifest. Sign it again.",
    );
  return { ...plugin, signature };
}

function readmeOf({ files }: PluginPackage): string {
  const [, bytes] = [...files].find(([path]) => path.toLowerCase() === "readme.md") ?? [];
  return bytes === undefined ? "" : new TextDecoder().decode(bytes.subarray(0, MARKET_LIMITS.readmeBytes));
}
