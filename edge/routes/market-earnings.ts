import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import type { AppEnv } from "../env.ts";
import { balancesOf, statementOf } from "../market/money/earnings.ts";
import { currencySchema } from "../market/money/event.ts";
import { statementCsv } from "../market/money/statement-csv.ts";
import { database } from "../store/database.ts";
import { publisherOf } from "./market-publisher.ts";

const described = { tags: ["Market"] };
const refusals = errorResponses("invalid_api_key", "forbidden", "not_found");

const balanceSchema = z
  .object({
    currency: z.string(),
    held: z.number().int().openapi({ description: "Minor units that buyers may still ask back." }),
    available: z.number().int().openapi({ description: "Can be paid out; below zero, it is owed." }),
    transit: z.number().int().openapi({ description: "On its way." }),
  })
  .openapi("Earnings");

const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;
const querySchema = z.object({
  currency: currencySchema,
  month: z
    .string()
    .regex(MONTH, "expected a month such as 2026-11")
    .transform((text) => {
      const [, year, month] = MONTH.exec(text) ?? [];
      return { fromMs: Date.UTC(Number(year), Number(month) - 1), toMs: Date.UTC(Number(year), Number(month)) };
    }),
});

const earningsRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/earnings",
  operationId: "showEarnings",
  summary: "What your plugins have earned",
  description: "70% of what buyers pay is yours, rounded down to whole minor units of each purchase.",
  responses: {
    200: { description: "By currency.", content: jsonContent(z.object({ balances: z.array(balanceSchema) })) },
    ...refusals,
  },
});
const statementRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/earnings/statement",
  operationId: "showStatement",
  summary: "A month's statement as CSV",
  description: "UTC. Opening balance and lines add up to the closing balance.",
  request: {
    query: z.object({
      currency: z.string().openapi({ example: "EUR" }),
      month: z.string().openapi({ example: "2026-11" }),
    }),
  },
  responses: {
    200: { description: "The statement.", content: { "text/csv": { schema: { type: "string" } } } },
    ...refusals,
    ...errorResponses("invalid_request"),
  },
});

/** What publishers earn. */
export function mountMarketEarnings(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, earningsRoute);
  app.get(earningsRoute.path, async (c) => {
    const { id } = await publisherOf(c);
    return c.json({ balances: await balancesOf(database(c.env.DB), id) });
  });

  registerRoute(app, statementRoute);
  app.get(statementRoute.path, async (c) => {
    const { currency, month } = parseWith(querySchema, c.req.query());
    const { id } = await publisherOf(c);
    const csv = statementCsv(await statementOf(database(c.env.DB), id, { currency, ...month }), currency);
    c.header("content-type", "text/csv; charset=utf-8");
    c.header("content-disposition", `attachment; filename="porchlight-${currency}-${c.req.query("month") ?? ""}.csv"`);
    c.header("cache-control", "private, no-store");
    return c.body(csv);
  });
}
