import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { REPORT_REASONS } from "../../shared/market/reports.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { MARKET_LIMITS } from "../market/limits.ts";
import { setHidden } from "../market/store/listing.ts";
import { countReporters, listReports, putReport, settleReports } from "../market/store/reports.ts";
import { findPlugin, type Plugin } from "../market/store/versions.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { type Database, database } from "../store/database.ts";
import { reviewerOf } from "./market-desk.ts";
import { pluginParams } from "./market-schema.ts";

const MOST_LISTED = 500;
const words = z.string().trim().max(MARKET_LIMITS.wordsCharacters);

const newReportSchema = z
  .strictObject({ version: z.string().max(64), reason: z.enum(REPORT_REASONS), words: words.default("") })
  .openapi("PluginReport", { example: { version: "1.0.0", reason: "misleading", words: "It is no calculator." } });
const settleSchema = z
  .strictObject({ decision: z.enum(["show", "hide"]) })
  .openapi("ReportDecision", { example: { decision: "show" } });
const reportSchema = z.object({
  id: z.string(),
  plugin: z.string(),
  version: z.string(),
  reason: z.enum(REPORT_REASONS),
  words: z.string(),
  at: z.iso.datetime(),
  hidden: z.boolean().openapi({ description: "Whether reports hide the plugin at the moment." }),
});
const listSchema = z.object({ reports: z.array(reportSchema) }).openapi("PluginReports");
const standingSchema = z.object({ hidden: z.boolean() }).openapi("ReportedPlugin");

const described = { tags: ["Market"] };
const standing = { description: "Whether it is hidden now.", content: jsonContent(standingSchema) };

const reportRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/plugins/{publisher}/{name}/reports",
  operationId: "reportPlugin",
  summary: "Tell the reviewers that something is wrong with a plugin",
  description: `Reports by ${MARKET_LIMITS.reportsToHide} people hide it until a reviewer has looked.`,
  request: { params: pluginParams, body: jsonBody(newReportSchema) },
  responses: { 201: standing, ...errorResponses("invalid_request", "invalid_api_key", "not_found") },
});
const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/reports",
  operationId: "listPluginReports",
  summary: "Open reports, the oldest first",
  responses: {
    200: { description: "The reports.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "market_role_needed"),
  },
});
const settleRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/plugins/{publisher}/{name}/reports/settle",
  operationId: "settlePluginReports",
  summary: "Settle all open reports of a plugin, and show or hide it",
  request: { params: pluginParams, body: jsonBody(settleSchema) },
  responses: {
    200: standing,
    ...errorResponses("invalid_request", "invalid_api_key", "market_role_needed", "not_found"),
  },
});

/** What people say of plugins, and what reviewers make of it. */
export function mountMarketReports(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, reportRoute);
  app.post("/api/market/plugins/:publisher/:name/reports", async (c) => {
    const { version, reason, words: said } = await readJsonBody(c.req.raw, newReportSchema);
    const [db, nowMs] = [database(c.env.DB), Date.now()];
    const { seq, hiddenAt } = await pluginOf(db, c.req.param());
    const reporterId = accountOf(c).userId;
    await putReport(db, {
      id: crypto.randomUUID(),
      pluginSeq: seq,
      version,
      reporterId,
      reason,
      words: said,
      at: nowMs,
    });
    const hides = hiddenAt === null && (await countReporters(db, seq)) >= MARKET_LIMITS.reportsToHide;
    if (hides) await setHidden(db, seq, nowMs);
    return c.json({ hidden: hides || hiddenAt !== null }, 201);
  });

  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { db } = await reviewerOf(c);
    const reports = await listReports(db, MOST_LISTED);
    const shown = reports.map(({ report: { id, version, reason, words: said, at }, plugin }) => ({
      id,
      plugin: `@${plugin.namespace}/${plugin.name}`,
      version,
      reason,
      words: said,
      at: new Date(at).toISOString(),
      hidden: plugin.hiddenAt !== null,
    }));
    return c.json({ reports: shown } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, settleRoute);
  app.post("/api/market/plugins/:publisher/:name/reports/settle", async (c) => {
    const { decision } = await readJsonBody(c.req.raw, settleSchema);
    const { db, reviewer } = await reviewerOf(c);
    const { seq, namespace, name } = await pluginOf(db, c.req.param());
    await settleReports(db, seq, reviewer.userId, Date.now());
    await setHidden(db, seq, decision === "hide" ? Date.now() : null);
    await audit(c, "version_decided", { target: `@${namespace}/${name}: ${decision}` });
    return c.json({ hidden: decision === "hide" });
  });
}

async function pluginOf(db: Database, { publisher, name }: { publisher: string; name: string }): Promise<Plugin> {
  const found = await findPlugin(db, publisher, name);
  if (found?.latestId) return found;
  throw new PorchlightError("not_found", "The market has no such plugin.");
}
