import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { marketOf } from "../../../edge/market/market.ts";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { signPublisherKey } from "../../../shared/protocol/signatures.ts";
import { makePackage, newPublisherKeys, type PackageWanted, type PublisherKeys } from "../../support/market.ts";
import { bearer, insertKey, insertUser, ORIGIN, request } from "../support/edge.ts";
import { send } from "../support/keys.ts";

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

/** Lets the market do all that waits. */
export async function runMarket(): Promise<void> {
  const waiting = async (): Promise<boolean> =>
    (await env.DB.prepare(
      "SELECT 1 FROM market_versions WHERE state IN ('submitted','validating','scanning')",
    ).first()) !== null;
  for (let rings = 0; rings < 50 && (await waiting()); rings++) await runDurableObjectAlarm(marketOf(env));
}
