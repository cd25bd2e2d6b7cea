import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import type { AppEnv } from "../env.ts";
import { lastDays, MOST_DAYS, usageOf } from "../home/usage.ts";
import { accountOf } from "../middleware/authenticate.ts";

const date = z.iso.date().openapi({ description: "A day of UTC.", example: "2026-11-22" });

const askedSchema = z.strictObject({ from: date.optional(), to: date.optional() });
const rangeSchema = z
  .object({ from: z.string(), to: z.string() })
  .refine(({ from, to }) => from <= to, "'from' is after 'to'")
  .refine(({ from, to }) => daysBetween(from, to) < MOST_DAYS, `at most ${MOST_DAYS} days`);

const count = z.number().int();
const usageRowSchema = z
  .object({
    day: z.iso.date(),
    source: z.object({
      id: z.string().openapi({ description: "Of the API key, or of the person who used the pages." }),
      kind: z.enum(["key", "person", "gone"]),
      name: z.string(),
    }),
    model: z.string(),
    requests: count,
    errors: count,
    promptTokens: count,
    completionTokens: count,
    cachedTokens: count.openapi({ description: "Of the prompts' tokens, those that were not computed again." }),
    nodeSeconds: z.number().openapi({ description: "From when a machine got a request until its answer was taken." }),
  })
  .openapi("UsageRow");
const usageSchema = z.object({ from: date, to: date, usage: z.array(usageRowSchema) }).openapi("Usage");

const route = createRoute({
  method: "get",
  path: "/api/usage",
  operationId: "getUsage",
  tags: ["Keys"],
  summary: "Usage by key, model and day",
  description: `The owner sees everybody's, others their own. At most ${MOST_DAYS} days; without \`to\`: until today, without \`from\`: 30 days.`,
  request: { query: z.object({ from: date.optional(), to: date.optional() }) },
  responses: {
    200: { description: "One row for each key, model and day with requests.", content: jsonContent(usageSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden"),
  },
});

export function mountUsage(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.get(route.path, async (c) => {
    const asked = parseWith(askedSchema, c.req.query());
    const { from, to } = lastDays(30, asked.to === undefined ? Date.now() : Date.parse(asked.to));
    const range = parseWith(rangeSchema, { from: asked.from ?? from, to });
    const usage = await usageOf(c.env, accountOf(c), range);
    return c.json({ ...range, usage } satisfies z.infer<typeof usageSchema>);
  });
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / (24 * 3600_000);
}
