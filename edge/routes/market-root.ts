import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { readMetadata, rootSchema } from "../../shared/market/tuf/metadata.ts";
import { TUF_LIMITS } from "../../shared/market/tuf/limits.ts";
import { readRoot } from "../../shared/market/tuf/root.ts";
import type { Signer } from "../../shared/market/tuf/signer.ts";
import { sha256Of } from "../../shared/market/checks/check-package.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { marketOf } from "../market/market.ts";
import { requireMarketRole } from "../market/roles.ts";
import { newestRoot, replaceMetadata } from "../market/store/metadata.ts";
import { fitting, onlineKeys } from "../market/trust/keys.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";

const rootBodySchema = z
  .strictObject({
    root: z
      .string()
      .max(TUF_LIMITS.rootBytes)
      .openapi({ description: "root.json as `porchlight market init` signed it." }),
  })
  .openapi("MarketRoot");
const heldSchema = z.object({ keyId: z.string(), publicKey: z.string().openapi({ description: "Raw Ed25519, hex." }) });
const stateSchema = z
  .object({
    ready: z.boolean().openapi({ description: "Whether plugins can be published here." }),
    keys: z
      .object({ targets: heldSchema, snapshot: heldSchema, timestamp: heldSchema })
      .nullable()
      .openapi({ description: "What the Worker signs with; null: it holds no keys." }),
    rootVersion: z.number().int().nullable(),
    rootExpires: z.iso.datetime().nullable(),
  })
  .openapi("MarketTrust");

const state = { description: "How the market's trust stands.", content: jsonContent(stateSchema) };
const showRoute = createRoute({
  method: "get",
  path: "/api/market/trust",
  operationId: "showMarketTrust",
  tags: ["Market"],
  summary: "Whether this edge is a market, and by which keys",
  responses: { 200: state, ...errorResponses("invalid_api_key", "market_role_needed") },
});
const putRoute = createRoute({
  method: "put",
  path: "/api/market/trust",
  operationId: "setMarketRoot",
  tags: ["Market"],
  summary: "Make this edge a market, or give it its next root",
  description: "The first root is signed by itself, each further one by the root before as well.",
  request: { body: jsonBody(rootBodySchema) },
  responses: {
    200: state,
    ...errorResponses("invalid_request", "invalid_api_key", "market_role_needed", "market_not_ready"),
    ...errorResponses("market_wrong_signature", "market_rollback", "market_unreadable"),
  },
});

/** `GET` and `PUT /api/market/trust`: the market's root. */
export function mountMarketRoot(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get(showRoute.path, async (c) => {
    await requireMarketRole(database(c.env.DB), accountOf(c), "administrator");
    return c.json(await stateOf(c.env));
  });

  registerRoute(app, putRoute);
  app.put(putRoute.path, async (c) => {
    const { root } = await readJsonBody(c.req.raw, rootBodySchema);
    const db = database(c.env.DB);
    await requireMarketRole(db, accountOf(c), "administrator");
    const keys = await onlineKeys(c.env);
    if (keys === undefined)
      throw new PorchlightError(
        "market_not_ready",
        "This edge has no MARKET_KEYS. 'porchlight market init' makes them.",
      );
    const before = await newestRoot(db);
    const { signed } = await readRoot(root, before === undefined ? undefined : parseRoot(before));
    if (!fitting(signed, keys))
      throw new PorchlightError("market_not_ready", "The root names other keys than the secret MARKET_KEYS holds.");
    const utf8 = new TextEncoder().encode(root);
    const row = {
      file: `${signed.version}.root.json`,
      role: "root",
      version: signed.version,
      body: root,
      sha256: await sha256Of(utf8),
      bytes: utf8.length,
      expiresAt: Date.parse(signed.expires),
      keyId: "",
    };
    const [first, ...rest] = replaceMetadata(db, [row], Date.now());
    if (first !== undefined) await db.batch([first, ...rest]);
    await audit(c, "market_root_changed", { target: `version ${signed.version}` });
    await marketOf(c.env).wake();
    return c.json(await stateOf(c.env));
  });
}

async function stateOf(env: AppEnv["Bindings"]): Promise<z.infer<typeof stateSchema>> {
  const [keys, body] = [await onlineKeys(env), await newestRoot(database(env.DB))];
  const root = body === undefined ? undefined : parseRoot(body);
  return {
    ready: keys !== undefined && root !== undefined && fitting(root, keys),
    keys: keys ? { targets: held(keys.targets), snapshot: held(keys.snapshot), timestamp: held(keys.timestamp) } : null,
    rootVersion: root?.version ?? null,
    rootExpires: root?.expires ?? null,
  };
}

function held({ keyid, key }: Signer): z.infer<typeof heldSchema> {
  return { keyId: keyid, publicKey: key.keyval.public };
}

function parseRoot(body: string) {
  return readMetadata(rootSchema, new TextEncoder().encode(body)).signed;
}
