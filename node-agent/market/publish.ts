import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { pluginNameOf } from "../../shared/plugin/name.ts";
import { readPackage } from "../../shared/plugin/package.ts";
import { type PublisherSignature, verifyManifest } from "../../shared/plugin/signature.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";
import { signPublisherKey } from "../../shared/protocol/signatures.ts";
import {
  askMarket,
  type MarketAccess,
  type OwnPublisher,
  type OwnVersion,
  ownVersionSchema,
  publisherSchema,
} from "./market-api.ts";

const challengeSchema = z.object({ publisherId: z.string(), challenge: z.string() });
const POLL_MS = 500;
const MOST_POLLS = 240;
/** States in which the market itself is at work. */
const WORKING = new Set(["submitted", "validating", "scanning"]);

/** A signed package, held to its signature. Throws PorchlightError `plugin_invalid` or `publisher_key_invalid`. */
export async function readSignedPackage(bytes: Uint8Array) {
  const plugin = await readPackage(bytes);
  const { manifest, signature } = plugin;
  if (signature === undefined || !(await verifyManifest(manifest, signature)))
    throw new PorchlightError(
      "publisher_key_invalid",
      "The package is not signed. Sign it: porchlight plugin sign FILE",
    );
  const { publisher: namespace, name } = pluginNameOf(manifest.name);
  return { ...plugin, signature, namespace, name };
}

/** Who publishes there; made under this name if there is none yet. */
export async function ensurePublisher(access: MarketAccess, name: string): Promise<OwnPublisher> {
  const asked = { schema: publisherSchema, what: "show your publisher" };
  try {
    return await askMarket(access, "/api/market/publisher", asked);
  } catch (error) {
    const isNone = error instanceof PorchlightError && /no publisher yet/.test(error.message);
    if (!isNone) throw error;
    return await askMarket(access, "/api/market/publisher", { ...asked, method: "PUT", body: { name } });
  }
}

/** Claims `@namespace`, if it is not the publisher's already. */
export async function ensureNamespace(
  access: MarketAccess,
  publisher: OwnPublisher,
  namespace: string,
): Promise<OwnPublisher> {
  if (publisher.namespaces.includes(namespace)) return publisher;
  const body = { namespace };
  const asked = { method: "POST", body, schema: publisherSchema, what: `claim @${namespace}` } as const;
  return await askMarket(access, "/api/market/namespaces", asked);
}

/** Whether the market takes what this signature's key signs. */
export function isRegistered(publisher: OwnPublisher, { publicKey }: PublisherSignature): boolean {
  return publisher.keys.some((key) => key.publicKey === publicKey && key.revokedAt === null);
}

/** Registers a key, by showing that one holds it. `publicKey`: base64url of the raw key. */
export async function registerKey(
  access: MarketAccess,
  { publicKey, privateKey, name }: { publicKey: string; privateKey: SigningKey; name: string },
): Promise<OwnPublisher> {
  const path = "/api/market/publisher-keys";
  const asked = { method: "POST", schema: challengeSchema, what: "register the key" } as const;
  const { publisherId, challenge } = await askMarket(access, `${path}/challenge`, asked);
  const signature = await signPublisherKey(privateKey, { origin: access.origin, publisherId, challenge });
  const body = { publicKey, name, challenge, signature };
  return await askMarket(access, path, { method: "POST", body, schema: publisherSchema, what: "register the key" });
}

/** Uploads a package and hands it in. */
export async function handIn(
  access: MarketAccess,
  bytes: Uint8Array<ArrayBuffer>,
  official: boolean,
): Promise<OwnVersion> {
  const asked = { method: "POST", schema: ownVersionSchema, what: "publish this plugin" } as const;
  const { id } = await askMarket(access, "/api/market/packages", { ...asked, body: bytes });
  return await askMarket(access, `/api/market/versions/${id}/submit`, { ...asked, body: { official } });
}

/** Waits until the market's checks are through. */
export async function untilChecked(
  access: MarketAccess,
  id: string,
  onState: (state: string) => void,
  everyMs = POLL_MS,
): Promise<OwnVersion> {
  for (let polls = 0; ; polls++) {
    const asked = { schema: ownVersionSchema, what: "say where the version stands" };
    const version = await askMarket(access, `/api/market/versions/${id}`, asked);
    if (!WORKING.has(version.state) || polls >= MOST_POLLS) return version;
    onState(version.state);
    await sleep(everyMs);
  }
}
