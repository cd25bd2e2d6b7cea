import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readBytes, readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { MOST_PACKAGE_BYTES } from "../../shared/plugin/limits.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { takeDraft } from "../market/intake.ts";
import { MARKET_LIMITS } from "../market/limits.ts";
import { marketOf } from "../market/market.ts";
import { submissionName } from "../market/packages.ts";
import { marketRoleOf } from "../market/roles.ts";
import {
  countVersions,
  findVersion,
  listFindings,
  listPublisherVersions,
  moveVersion,
  removeDraft,
  type VersionOf,
} from "../market/store/versions.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { publisherOf } from "./market-publisher.ts";
import { findingSchema, marketVersionSchema, shownFindings, shownVersion, versionParams } from "./market-schema.ts";

const MOST_LISTED = 200;

const listSchema = z.object({ versions: z.array(marketVersionSchema) }).openapi("MarketVersionList");
const detailSchema = marketVersionSchema.extend({ findings: z.array(findingSchema) }).openapi("MarketVersionDetail");
const submitSchema = z
  .strictObject({
    official: z
      .boolean()
      .default(false)
      .openapi({ description: "Only where the market trusts the publisher: two reviewers then agree." }),
  })
  .openapi("MarketSubmission");

const described = { tags: ["Market"] };
const one = { description: "The version.", content: jsonContent(marketVersionSchema) };
const missing = errorResponses("invalid_api_key", "forbidden", "not_found");

const uploadRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/packages",
  operationId: "uploadPackage",
  summary: "Upload a signed package as a draft",
  description: "As `porchlight plugin pack` and `sign` wrote it, 20 MiB at most. A draft of the same number gives way.",
  request: {
    body: { required: true, content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } },
  },
  responses: {
    201: one,
    ...errorResponses(
      "invalid_api_key",
      "forbidden",
      "body_too_large",
      "unsupported_media_type",
      "plugin_invalid",
      "publisher_key_invalid",
      "version_taken",
      "queue_full",
    ),
  },
});
const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/versions",
  operationId: "listOwnVersions",
  summary: "What you have uploaded, the newest first",
  responses: { 200: { description: "The versions.", content: jsonContent(listSchema) }, ...missing },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/versions/{id}",
  operationId: "showOwnVersion",
  summary: "Where a version stands, and what the checks found",
  request: { params: versionParams },
  responses: { 200: { description: "The version.", content: jsonContent(detailSchema) }, ...missing },
});
const deleteRoute = createRoute({
  ...described,
  method: "delete",
  path: "/api/market/versions/{id}",
  operationId: "deleteDraft",
  summary: "Throw a draft away",
  request: { params: versionParams },
  responses: { 204: { description: "Thrown away." }, ...missing, ...errorResponses("version_state") },
});
const submitRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/versions/{id}/submit",
  operationId: "submitVersion",
  summary: "Hand a draft in",
  description: "From now on it stays as it is. Checks run first, then a reviewer looks.",
  request: { params: versionParams, body: jsonBody(submitSchema, false) },
  responses: { 202: one, ...missing, ...errorResponses("version_state", "queue_full") },
});

/** Versions of who asks: from a draft on. */
export function mountMarketVersions(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, uploadRoute);
  app.post(uploadRoute.path, async (c) => {
    if (!/^application\/octet-stream\b/i.test(c.req.header("content-type") ?? ""))
      throw new PorchlightError(
        "unsupported_media_type",
        "Send the package as 'Content-Type: application/octet-stream'.",
      );
    const publisher = await publisherOf(c);
    const bytes = await readBytes(c.req.raw, MOST_PACKAGE_BYTES);
    const options = { db: database(c.env.DB), packages: c.env.PACKAGES, nowMs: Date.now() };
    return c.json(shownVersion(await takeDraft(options, publisher.userId ?? "", bytes)), 201);
  });

  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const versions = await listPublisherVersions(database(c.env.DB), (await publisherOf(c)).id, MOST_LISTED);
    return c.json({ versions: versions.map(shownVersion) } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, showRoute);
  app.get("/api/market/versions/:id", async (c) => {
    const found = await ownVersion(c, true);
    const findings = shownFindings(await listFindings(database(c.env.DB), found.version.id));
    return c.json({ ...shownVersion(found), findings } satisfies z.infer<typeof detailSchema>);
  });

  registerRoute(app, deleteRoute);
  app.delete("/api/market/versions/:id", async (c) => {
    const { version } = await ownVersion(c);
    if ((await removeDraft(database(c.env.DB), version.id)) === undefined) throw new PorchlightError("version_state");
    await c.env.PACKAGES.delete(submissionName(version.id));
    return c.body(null, 204);
  });

  registerRoute(app, submitRoute);
  app.post("/api/market/versions/:id/submit", async (c) => {
    const { official } = await readJsonBody(c.req.raw, submitSchema, { optional: true });
    const db = database(c.env.DB);
    const publisher = await publisherOf(c);
    const { version } = await ownVersion(c);
    if (official && !publisher.official)
      throw new PorchlightError("forbidden", "The market's administrators say which publishers are official.");
    const waiting = ["submitted", "validating", "scanning", "in_review", "quarantined"] as const;
    if ((await countVersions(db, publisher.id, waiting)) >= MARKET_LIMITS.waiting)
      throw new PorchlightError(
        "queue_full",
        "So many of your versions wait already. Hand this one in when some have been looked at.",
      );
    if ((await moveVersion(db, version.id, "submit", { nowMs: Date.now(), official })) === undefined)
      throw new PorchlightError("version_state");
    await marketOf(c.env).wake();
    const submitted = await ownVersion(c);
    const shown = shownVersion(submitted);
    await audit(c, "version_submitted", { target: `${shown.plugin} ${shown.version}` });
    return c.json(shown, 202);
  });
}

/** The version of the address, if it is of who asks; a reviewer may look at anybody's. Throws `not_found`. */
export async function ownVersion(c: Context<AppEnv>, reviewersToo = false): Promise<VersionOf> {
  const db = database(c.env.DB);
  const found = await findVersion(db, c.req.param("id") ?? "");
  if (found && reviewersToo && (await marketRoleOf(db, accountOf(c))) !== undefined && found.version.state !== "draft")
    return found;
  if (found?.publisherId === (await publisherOf(c)).id && found) return found;
  throw new PorchlightError("not_found", "There is no such version, or it is not yours.");
}
