import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { jsonContent, registerRoute } from "../../shared/api/document.ts";
import type { AppEnv } from "../env.ts";
import { VERSION } from "../version.ts";

const healthSchema = z
  .object({ status: z.literal("ok"), version: z.string() })
  .openapi("Health", { example: { status: "ok", version: "0.1.0" } });

const route = createRoute({
  method: "get",
  path: "/healthz",
  operationId: "health",
  tags: ["Service"],
  summary: "Whether this edge is up",
  security: [],
  responses: { 200: { description: "It is.", content: jsonContent(healthSchema) } },
});

export function mountHealthz(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.get(route.path, (c) => c.json({ status: "ok", version: VERSION } satisfies z.infer<typeof healthSchema>));
}
