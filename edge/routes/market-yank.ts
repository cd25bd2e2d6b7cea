import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { MARKET_LIMITS } from "../market/limits.ts";
import { marketOf } from "../market/market.ts";
import { moveVersion } from "../market/store/versions.ts";
import { database } from "../store/database.ts";
import { ownVersion } from "./market-versions.ts";
import { marketVersionSchema, shownVersion, versionParams } from "./market-schema.ts";

const yankSchema = z
  .strictObject({ words: z.string().trim().max(MARKET_LIMITS.wordsCharacters).default("") })
  .openapi("Yank", { example: { words: "It counts leap years wrong. 1.0.1 does not." } });

const route = (what: "yank" | "restore", operationId: string, summary: string) =>
  createRoute({
    method: "post",
    path: `/api/market/versions/{id}/${what}`,
    operationId,
    tags: ["Market"],
    summary,
    request: { params: versionParams, body: jsonBody(yankSchema, false) },
    responses: {
      200: { description: "The version.", content: jsonContent(marketVersionSchema) },
      ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found", "version_state"),
    },
  });
const ROUTES = {
  yank: route("yank", "yankVersion", "Offer a version to nobody any more; where it is installed, it goes on"),
  restore: route("restore", "restoreVersion", "Offer a yanked version again"),
};

/** Its publisher, or a reviewer, takes a version out of the catalogue and back into it. */
export function mountMarketYank(app: OpenAPIHono<AppEnv>): void {
  for (const what of ["yank", "restore"] as const) {
    registerRoute(app, ROUTES[what]);
    app.post(`/api/market/versions/:id/${what}`, async (c) => {
      const { words } = await readJsonBody(c.req.raw, yankSchema, { optional: true });
      const found = await ownVersion(c, true);
      const version = await moveVersion(database(c.env.DB), found.version.id, what, { nowMs: Date.now(), words });
      if (version === undefined) throw new PorchlightError("version_state");
      const shown = shownVersion({ ...found, version });
      await audit(c, "version_decided", { target: `${shown.plugin} ${shown.version}: ${what}` });
      await marketOf(c.env).wake();
      return c.json(shown);
    });
  }
}
