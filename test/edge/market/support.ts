import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { onlineKeys } from "../../../edge/market/trust/keys.ts";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { TrustClient } from "../../../shared/market/tuf/client.ts";
import { rootOf } from "../../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../../shared/market/tuf/signer.ts";
import { signPublisherKey } from "../../../shared/protocol/signatures.ts";
import { memoryTrust } from "../../support/market-trust.ts";
import { makePackage, newPublisherKeys, type PackageWanted, type PublisherKeys } from "../../support/market.ts";
import { bearer, insertKey, insertUser, ORIGIN, request } from "../support/edge.ts";
import { send } from "../support/keys.ts";

// Each test is a dozen requests through the whole Worker: long on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

export interface PublisherOf {
  userId: string;
  apiKey: string;
  keys: PublisherKeys;
  id: string;
}

/** Somebody of the edge with a key of theirs. */
export async function person(accountId: string, role: "member" | "viewer" = "member") {
  const userId = await insertUser(accountId, role);
  return { userId, apiKey: await insertKey(accountId, "admin", userId) };
}

/** A publisher who has claimed a namespace and registered a key, all through the API. */
export async function publisher(accountId: string, namespace: string): Promise<PublisherOf> {
  const { userId, apiKey } = await person(accountId);
  const made = await send(apiKey, "PUT", "/api/market/publisher", { name: namespace });
  const { id } = await made.json<{ id: string }>();
  const claimed = await send(apiKey, "POST", "/api/market/namespaces", { namespace });
  if (claimed.status !== 201) throw new Error(await claimed.text());
  const keys = await newPublisherKeys();
  const registered = await registerKey(apiKey, keys);
  if (registered.status !== 201) throw new Error(await registered.text());
  return { userId, apiKey, keys, id };
}

export async function registerKey(apiKey: string, keys: PublisherKeys, name = "laptop"): Promise<Response> {
  const asked = await send(apiKey, "POST", "/api/market/publisher-keys/challenge");
  const { challenge, publisherId } = await asked.json<{ challenge: string; publisherId: string }>();
  const signature = await signPublisherKey(keys.privateKey, { origin: ORIGIN, publisherId, challenge });
  return await send(apiKey, "POST", "/api/market/publisher-keys", { publicKey: keys.raw, name, challenge, signature });
}

export async function upload(apiKey: string, bytes: BodyInit, type = "application/octet-stream"): Promise<Response> {
  return await request("/api/market/packages", {
    method: "POST",
    headers: { ...bearer(apiKey), "content-type": type },
    body: bytes,
  });
}

/** A version of a publisher's plugin that was handed in and checked. */
export async function handIn(
  of: Pick<PublisherOf, "apiKey" | "keys">,
  wanted: PackageWanted,
  official = false,
): Promise<ShownVersion> {
  const { bytes } = await makePackage(wanted, of.keys);
  const uploaded = await upload(of.apiKey, bytes);
  if (uploaded.status !== 201) throw new Error(await uploaded.text());
  const { id } = await uploaded.json<ShownVersion>();
  const submitted = await send(of.apiKey, "POST", `/api/market/versions/${id}/submit`, { official });
  if (submitted.status !== 202) throw new Error(await submitted.text());
  await runMarket();
  return await versionOf(of.apiKey, id);
}

export async function versionOf(
  apiKey: string,
  id: string,
): Promise<ShownVersion & { findings: { code: string; severity: string; path: string; line: number }[] }> {
  const response = await send(apiKey, "GET", `/api/market/versions/${id}`);
  return await response.json();
}

/** Makes this edge a market, by a root whose key only the test has. */
export async function openMarket(ownerKey: string): Promise<Signer> {
  const root = await readSigner(await newSecretKey());
  const online = await onlineKeys(env);
  if (root === undefined || online === undefined) throw new Error("the tests' keys cannot be read");
  const signed = rootOf({ root: [root], ...online }, 1, Date.now() + 365 * 24 * 3600_000);
  const put = await send(ownerKey, "PUT", "/api/market/trust", { root: await signMetadata(signed, [root]) });
  if (put.status !== 200) throw new Error(await put.text());
  await runDurableObjectAlarm(marketOf(env));
  return root;
}

/** Somebody whom the owner made a reviewer. */
export async function reviewer(owner: { accountId: string; apiKey: string }) {
  const somebody = await person(owner.accountId, "viewer");
  const made = await send(owner.apiKey, "PUT", `/api/market/roles/${somebody.userId}`, { role: "reviewer" });
  if (made.status !== 200) throw new Error(await made.text());
  return somebody;
}

export async function decide(apiKey: string, id: string, decision: string, words = "looked at"): Promise<Response> {
  const claimed = await send(apiKey, "POST", `/api/market/desk/${id}/claim`);
  if (claimed.status !== 200) return claimed;
  return await send(apiKey, "POST", `/api/market/desk/${id}/decision`, { decision, words });
}

/** A plugin that a publisher handed in and a reviewer let through. */
export async function publish(
  of: Pick<PublisherOf, "apiKey" | "keys">,
  by: { apiKey: string },
  wanted: PackageWanted,
): Promise<ShownVersion> {
  const { id } = await handIn(of, wanted);
  const decided = await decide(by.apiKey, id, "approve");
  if (decided.status !== 200) throw new Error(await decided.text());
  await runMarket();
  return await versionOf(of.apiKey, id);
}

/** A client of the market under test, as a machine has one. */
export async function follow(
  kept = new Map<string, string>(),
): Promise<{ client: TrustClient; kept: Map<string, string> }> {
  const bytesOf = async (path: string): Promise<Uint8Array | undefined> => {
    const response = await request(path);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  };
  const root = await bytesOf("/api/market/tuf/1.root.json");
  if (root !== undefined && !kept.has("root")) kept.set("root", new TextDecoder().decode(root));
  const client = new TrustClient({
    fetchMetadata: async (file) => await bytesOf(`/api/market/tuf/${file}`),
    fetchTarget: async (path) => await bytesOf(`/api/market/targets/${path}`),
    store: memoryTrust(kept),
    now: () => Date.now(),
  });
  await client.refresh();
  return { client, kept };
}

/** Lets the market do all that waits. */
export async function runMarket(): Promise<void> {
  const waiting = async (): Promise<boolean> =>
    (await env.DB.prepare(
      `SELECT 1 FROM market_versions WHERE state IN ('submitted','validating','scanning')
         OR (CASE WHEN state IN ('published','yanked') THEN state END) IS NOT signed_state`,
    ).first()) !== null;
  for (let rings = 0; rings < 50 && (await waiting()); rings++) await runDurableObjectAlarm(marketOf(env));
}
