import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { verifyPublisherKey } from "../../shared/protocol/signatures.ts";
import { audit } from "../credentials/audit.ts";
import { beginCeremony } from "../credentials/ceremony.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { hashSecret, randomSecret } from "../credentials/secret.ts";
import type { AppEnv } from "../env.ts";
import { followedMarket } from "../market/followed.ts";
import { MARKET_LIMITS } from "../market/limits.ts";
import { isReserved } from "../market/reserved.ts";
import { marketRoleOf } from "../market/roles.ts";
import {
  addPublisherKey,
  claimNamespace,
  findNamespace,
  findPublisher,
  listNamespaces,
  listPublisherKeys,
  type Publisher,
  putPublisher,
  revokePublisherKey,
} from "../market/store/publishers.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { originOf } from "../origin.ts";
import { takeCeremony } from "../store/ceremonies.ts";
import { type Database, database } from "../store/database.ts";
import { NAME } from "./market-schema.ts";

const keySchema = z.object({
  publicKey: z.string().openapi({ description: "Raw Ed25519 key, base64url." }),
  name: z.string(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().nullable(),
});
const publisherSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    official: z.boolean(),
    role: z.enum(["reviewer", "administrator"]).nullable().openapi({ description: "What you are to the market." }),
    namespaces: z.array(z.string()),
    keys: z.array(keySchema),
  })
  .openapi("Publisher");
const challengeSchema = z.object({ publisherId: z.string(), challenge: z.string(), expiresAt: z.iso.datetime() });

const newPublisherSchema = z
  .strictObject({ name: z.string().trim().min(1).max(60) })
  .openapi("NewPublisher", { example: { name: "Ada Lovelace" } });
const claimSchema = z
  .strictObject({ namespace: z.string().regex(NAME, "expected small letters, digits and hyphens, 40 at most") })
  .openapi("NamespaceClaim", { example: { namespace: "ada" } });
const newKeySchema = z
  .strictObject({
    publicKey: z.string().length(43),
    name: z.string().trim().min(1).max(60),
    challenge: z.string().max(64),
    signature: z.string().length(86).openapi({
      description:
        "Ed25519 over label, this edge's origin, the publisher's id and the challenge, each behind its length.",
    }),
  })
  .openapi("NewPublisherKey");

const described = { tags: ["Market"] };
const kept = errorResponses("invalid_request", "invalid_api_key", "forbidden");
const shown = { 200: { description: "Your publisher.", content: jsonContent(publisherSchema) } };

const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/publisher",
  operationId: "showPublisher",
  summary: "Who you are in this edge's market",
  responses: { ...shown, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});
const putRoute = createRoute({
  ...described,
  method: "put",
  path: "/api/market/publisher",
  operationId: "setPublisher",
  summary: "Become a publisher, or change your name as one",
  request: { body: jsonBody(newPublisherSchema) },
  responses: { ...shown, ...kept },
});
const claimRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/namespaces",
  operationId: "claimNamespace",
  summary: "Claim @namespace for your plugins",
  description:
    "Who comes first has it, for ever. Names that people would take for somebody they trust are the administrators'.",
  request: { body: jsonBody(claimSchema) },
  responses: { 201: shown[200], ...kept, ...errorResponses("namespace_taken", "not_found") },
});
const challengeRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/publisher-keys/challenge",
  operationId: "challengePublisherKey",
  summary: "Ask for what a new key has to sign",
  responses: {
    201: { description: "Good for five minutes, once.", content: jsonContent(challengeSchema) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found"),
  },
});
const addKeyRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/publisher-keys",
  operationId: "addPublisherKey",
  summary: "Register a key that signs your packages",
  request: { body: jsonBody(newKeySchema) },
  responses: {
    201: shown[200],
    ...kept,
    ...errorResponses("publisher_key_invalid", "code_used_or_expired", "not_found"),
  },
});
const revokeKeyRoute = createRoute({
  ...described,
  method: "delete",
  path: "/api/market/publisher-keys/{id}",
  operationId: "revokePublisherKey",
  summary: "Take no more packages that this key signs",
  request: { params: z.object({ id: z.string().max(128) }) },
  responses: { ...shown, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

/** Who publishes: their name, namespaces and keys. */
export function mountMarketPublisher(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get(showRoute.path, async (c) => c.json(await shownPublisher(c, await publisherOf(c))));

  registerRoute(app, putRoute);
  app.put(putRoute.path, async (c) => {
    requireOwnMarket(c);
    const { name } = await readJsonBody(c.req.raw, newPublisherSchema);
    const { userId } = accountOf(c);
    const wanted = { id: crypto.randomUUID(), userId, name, createdAt: Date.now() };
    return c.json(await shownPublisher(c, await putPublisher(database(c.env.DB), wanted)));
  });

  registerRoute(app, claimRoute);
  app.post(claimRoute.path, async (c) => {
    const { namespace } = await readJsonBody(c.req.raw, claimSchema);
    const db = database(c.env.DB);
    const publisher = await publisherOf(c);
    if (isReserved(namespace) && (await marketRoleOf(db, accountOf(c))) !== "administrator")
      throw new PorchlightError("namespace_taken", `@${namespace} is reserved. Choose another.`);
    const claim = { namespace, publisherId: publisher.id, claimedAt: Date.now() };
    if (await claimNamespace(db, claim, MARKET_LIMITS.namespaces)) {
      await audit(c, "namespace_claimed", { target: `@${namespace}` });
    } else if ((await findNamespace(db, namespace))?.id !== publisher.id) await refuseClaim(db, publisher.id);
    return c.json(await shownPublisher(c, publisher), 201);
  });

  registerRoute(app, challengeRoute);
  app.post(challengeRoute.path, async (c) => {
    const { id } = await publisherOf(c);
    const challenge = randomSecret(32);
    await beginCeremony(database(c.env.DB), "publisher_key", challenge, { subject: id });
    const expiresAt = new Date(Date.now() + CREDENTIAL_LIMITS.ceremonyMs).toISOString();
    c.header("cache-control", "no-store");
    return c.json({ publisherId: id, challenge, expiresAt } satisfies z.infer<typeof challengeSchema>, 201);
  });

  registerRoute(app, addKeyRoute);
  app.post(addKeyRoute.path, async (c) => {
    const { publicKey, name, challenge, signature } = await readJsonBody(c.req.raw, newKeySchema);
    const db = database(c.env.DB);
    const publisher = await publisherOf(c);
    const ceremony = await takeCeremony(db, await hashSecret(challenge), "publisher_key", Date.now());
    if (ceremony?.subject !== publisher.id)
      throw new PorchlightError("code_used_or_expired", "Ask for another challenge.");
    const claims = { origin: originOf(c), publisherId: publisher.id, challenge };
    if (!(await verifyPublisherKey(publicKey, signature, claims)))
      throw new PorchlightError("publisher_key_invalid", "The signature does not show that you hold this key.");
    const key = { publicKey, publisherId: publisher.id, name, createdAt: Date.now() };
    if (!(await addPublisherKey(db, key, MARKET_LIMITS.keys)))
      throw new PorchlightError(
        "publisher_key_invalid",
        "This key is another publisher's, was revoked, or you have too many.",
      );
    await audit(c, "publisher_key_added", { target: publicKey });
    return c.json(await shownPublisher(c, publisher), 201);
  });

  registerRoute(app, revokeKeyRoute);
  app.delete("/api/market/publisher-keys/:id", async (c) => {
    const publisher = await publisherOf(c);
    const publicKey = c.req.param("id");
    if (!(await revokePublisherKey(database(c.env.DB), publisher.id, publicKey, Date.now())))
      throw new PorchlightError("not_found", "You have no such key in use.");
    await audit(c, "publisher_key_revoked", { target: publicKey });
    return c.json(await shownPublisher(c, publisher));
  });
}

/** Throws `market_not_ready` where this edge's plugins come from another market: that one is where to publish. */
function requireOwnMarket(c: Context<AppEnv>): void {
  const followed = followedMarket(c.env);
  if (followed === undefined) return;
  throw new PorchlightError("market_not_ready", `This edge takes its plugins from ${followed}. Publish them there.`);
}

/** The publisher that who asks is. Throws `not_found`. */
export async function publisherOf(c: Context<AppEnv>): Promise<Publisher> {
  requireOwnMarket(c);
  const found = await findPublisher(database(c.env.DB), accountOf(c).userId);
  if (found) return found;
  throw new PorchlightError("not_found", "You are no publisher yet: PUT /api/market/publisher makes you one.");
}

async function refuseClaim(db: Database, publisherId: string): Promise<never> {
  const held = await listNamespaces(db, publisherId);
  if (held.length < MARKET_LIMITS.namespaces) throw new PorchlightError("namespace_taken");
  throw new PorchlightError(
    "namespace_taken",
    `You have ${held.length} namespaces, which is as many as one publisher gets.`,
  );
}

async function shownPublisher(c: Context<AppEnv>, publisher: Publisher): Promise<z.infer<typeof publisherSchema>> {
  const db = database(c.env.DB);
  const { id, name, official } = publisher;
  const keys = await listPublisherKeys(db, id);
  return {
    id,
    name,
    official,
    role: (await marketRoleOf(db, accountOf(c))) ?? null,
    namespaces: await listNamespaces(db, id),
    keys: keys.map((key) => ({
      publicKey: key.publicKey,
      name: key.name,
      createdAt: new Date(key.createdAt).toISOString(),
      revokedAt: key.revokedAt === null ? null : new Date(key.revokedAt).toISOString(),
    })),
  };
}
