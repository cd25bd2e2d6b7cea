import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { VERSION } from "../version.ts";
import type { AppEnv } from "../env.ts";

const healthSchema = z.object({ status: z.literal("ok"), version: z.string() }).openapi("Health");

export const healthz = new OpenAPIHono<AppEnv>().openapi(
  createRoute({
    method: "get",
    path: "/healthz",
    tags: ["Service"],
    summary: "Whether this edge is up",
    responses: {
      200: { description: "It is.", content: { "application/json": { schema: healthSchema } } },
    },
  }),
  (c) => c.json({ status: "ok" as const, version: VERSION }, 200),
);
