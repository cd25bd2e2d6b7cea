import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { catalogueQuerySchema, catalogueSchema, pluginSchema } from "../../shared/market/catalogue.ts";
import type { AppEnv } from "../env.ts";
import { marketReader } from "../market/reader.ts";
import { pluginParams } from "./market-schema.ts";

const described = { tags: ["Market"], security: [] };

const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/plugins",
  operationId: "listMarketPlugins",
  summary: "Search the catalogue",
  description: "Of this edge's market, or of the one that it follows. 24 plugins a page.",
  request: { query: catalogueQuerySchema },
  responses: {
    200: { description: "A page of it.", content: jsonContent(catalogueSchema.openapi("Catalogue")) },
    ...errorResponses("invalid_request", "market_unreadable"),
  },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/plugins/{publisher}/{name}",
  operationId: "showMarketPlugin",
  summary: "A plugin: its newest version, what it asks for, and which others there are",
  request: { params: pluginParams },
  responses: {
    200: { description: "The plugin.", content: jsonContent(pluginSchema.openapi("CataloguePlugin")) },
    ...errorResponses("not_found", "market_unreadable"),
  },
});

/** The catalogue, for anybody. */
export function mountMarketCatalogue(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const query = parseWith(catalogueQuerySchema, c.req.query());
    return c.json(await marketReader(c.env).list(query));
  });

  registerRoute(app, showRoute);
  app.get("/api/market/plugins/:publisher/:name", async (c) => {
    const { publisher, name } = c.req.param();
    const plugin = await marketReader(c.env).find(publisher, name);
    if (plugin === undefined) throw new PorchlightError("not_found", "The market has no such plugin.");
    return c.json(plugin);
  });
}
