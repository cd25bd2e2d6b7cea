import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { REVOCATION_REASONS } from "../../shared/market/revocations.ts";
import { audit } from "../credentials/audit.ts";
import type { Account, AppEnv } from "../env.ts";
import { MARKET_LIMITS } from "../market/limits.ts";
import { marketOf } from "../market/market.ts";
import { claim, decide, DECISIONS, differenceWith, revoke } from "../market/review.ts";
import { requireMarketRole } from "../market/roles.ts";
import { listReviews } from "../market/store/reviews.ts";
import { findVersion, listFindings, listVersionsIn, type VersionOf } from "../market/store/versions.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";
import { findingSchema, marketVersionSchema, shownFindings, shownVersion, versionParams } from "./market-schema.ts";

const MOST_LISTED = 200;
const words = z.string().trim().max(MARKET_LIMITS.wordsCharacters);

const onDeskSchema = marketVersionSchema.extend({
  claimedBy: z.string().nullable().openapi({ description: "Id of the person who has it on their desk." }),
  claimedUntil: z.iso.datetime().nullable(),
});
const listSchema = z.object({ versions: z.array(onDeskSchema) }).openapi("ReviewDesk");
const differenceSchema = z
  .object({
    against: z.string().nullable().openapi({ description: "The version before; null: this is the first one." }),
    permissions: z.array(
      z.object({ permission: z.string(), added: z.array(z.string()), removed: z.array(z.string()) }),
    ),
    manifest: z.array(z.object({ field: z.string(), before: z.string(), after: z.string() })),
    files: z.array(
      z.object({
        path: z.string(),
        change: z.enum(["added", "removed", "changed"]),
        bytesBefore: z.number().int(),
        bytes: z.number().int(),
        patch: z
          .string()
          .optional()
          .openapi({ description: "Unified; absent for what is no text, or too much of it." }),
      }),
    ),
  })
  .openapi("VersionDifference");
const detailSchema = onDeskSchema
  .extend({
    difference: differenceSchema,
    findings: z.array(findingSchema),
    reviews: z.array(
      z.object({
        reviewer: z.string(),
        decision: z.enum(["approve", "reject"]),
        words: z.string(),
        at: z.iso.datetime(),
      }),
    ),
    readme: z.string(),
  })
  .openapi("ReviewDetail");
const decisionSchema = z
  .strictObject({
    decision: z.enum(DECISIONS).openapi({
      description:
        "`release`: what the checks put into quarantine goes on to review. `quarantine`: it waits for a second look.",
    }),
    words: words.default("").openapi({ description: "The publisher reads them. A rejection needs some." }),
  })
  .openapi("ReviewDecision", { example: { decision: "reject", words: "It asks for hosts that it never uses." } });
const revokeSchema = z
  .strictObject({ reason: z.enum(REVOCATION_REASONS), words: words.min(1).max(500) })
  .openapi("VersionRevocation", { example: { reason: "malware", words: "It sends what it is asked elsewhere." } });

const described = { tags: ["Market"] };
const refusals = errorResponses("invalid_api_key", "market_role_needed", "not_found", "version_state");
const one = { 200: { description: "The version.", content: jsonContent(marketVersionSchema) } };

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/desk",
  operationId: "listReviewDesk",
  summary: "What waits for a reviewer, the longest first",
  responses: {
    200: { description: "The versions.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "market_role_needed"),
  },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/desk/{id}",
  operationId: "showReview",
  summary: "A version as a reviewer reads it: what changed, permissions first",
  request: { params: versionParams },
  responses: { 200: { description: "The version.", content: jsonContent(detailSchema) }, ...refusals },
});
const claimRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/desk/{id}/claim",
  operationId: "claimReview",
  summary: "Take a version onto your desk for two hours",
  request: { params: versionParams },
  responses: { ...one, ...refusals, ...errorResponses("forbidden") },
});
const decideRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/desk/{id}/decision",
  operationId: "decideReview",
  summary: "Say what becomes of a version on your desk",
  description: "Official plugins are published once two different reviewers approved. Nobody reviews their own.",
  request: { params: versionParams, body: jsonBody(decisionSchema) },
  responses: { ...one, ...refusals, ...errorResponses("invalid_request", "forbidden", "market_not_ready") },
});
const revokeRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/desk/{id}/revoke",
  operationId: "revokeVersion",
  summary: "Take a version back from everybody who has it",
  description: "Machines and edges that follow this market stop running it within 15 minutes.",
  request: { params: versionParams, body: jsonBody(revokeSchema) },
  responses: { ...one, ...refusals, ...errorResponses("invalid_request") },
});

/** The review desk. */
export function mountMarketDesk(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { db } = await reviewerOf(c);
    const versions = await listVersionsIn(db, ["in_review", "quarantined"], MOST_LISTED);
    return c.json({ versions: versions.map(onDesk) } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, showRoute);
  app.get("/api/market/desk/:id", async (c) => {
    const { db } = await reviewerOf(c);
    const found = await findVersion(db, c.req.param("id"));
    if (found === undefined || found.version.state === "draft")
      throw new PorchlightError("not_found", "There is no such version.");
    const [difference, findings, reviews] = await Promise.all([
      differenceWith(db, c.env.PACKAGES, found),
      listFindings(db, found.version.id),
      listReviews(db, found.version.id),
    ]);
    const shown: z.infer<typeof detailSchema> = {
      ...onDesk(found),
      difference,
      findings: shownFindings(findings),
      reviews: reviews.map(({ reviewerName, decision, words: said, at }) => ({
        reviewer: reviewerName,
        decision,
        words: said,
        at: new Date(at).toISOString(),
      })),
      readme: found.version.readme,
    };
    return c.json(shown);
  });

  registerRoute(app, claimRoute);
  app.post("/api/market/desk/:id/claim", async (c) => {
    const { db, reviewer } = await reviewerOf(c);
    return c.json(shownVersion(await claim(db, reviewer, c.req.param("id"), Date.now())));
  });

  registerRoute(app, decideRoute);
  app.post("/api/market/desk/:id/decision", async (c) => {
    const decision = await readJsonBody(c.req.raw, decisionSchema);
    const { db, reviewer } = await reviewerOf(c);
    if (decision.decision === "reject" && decision.words === "")
      throw new PorchlightError("invalid_request", "Say why: the publisher has to know what to change.", {
        param: "words",
      });
    const options = { db, env: c.env, nowMs: Date.now() };
    const shown = shownVersion(await decide(options, reviewer, c.req.param("id"), decision));
    await audit(c, "version_decided", { target: `${shown.plugin} ${shown.version}: ${decision.decision}` });
    await marketOf(c.env).wake();
    return c.json(shown);
  });

  registerRoute(app, revokeRoute);
  app.post("/api/market/desk/:id/revoke", async (c) => {
    const why = await readJsonBody(c.req.raw, revokeSchema);
    const { db } = await reviewerOf(c);
    const shown = shownVersion(await revoke(db, c.req.param("id"), why, Date.now()));
    await audit(c, "version_revoked", { target: `${shown.plugin} ${shown.version}: ${why.reason}` });
    await marketOf(c.env).wake();
    return c.json(shown);
  });
}

/** Who asks, as a reviewer of this market. Throws `market_role_needed`. */
export async function reviewerOf(c: Context<AppEnv>): Promise<{ db: ReturnType<typeof database>; reviewer: Account }> {
  const [db, reviewer] = [database(c.env.DB), accountOf(c)];
  await requireMarketRole(db, reviewer, "reviewer");
  return { db, reviewer };
}

function onDesk(found: VersionOf): z.infer<typeof onDeskSchema> {
  const { claimedBy, claimedUntil } = found.version;
  const isClaimed = claimedUntil !== null && claimedUntil > Date.now();
  return {
    ...shownVersion(found),
    claimedBy: isClaimed ? claimedBy : null,
    claimedUntil: isClaimed ? new Date(claimedUntil).toISOString() : null,
  };
}
