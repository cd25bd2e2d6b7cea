import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { pluginNameSchema } from "../../shared/plugin/manifest.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { followedMarket } from "../market/followed.ts";
import { buy, cancel, listPayments, listSales, refund, saleOf, type Selling } from "../market/money/buy.ts";
import { MONEY_LIMITS } from "../market/money/limits.ts";
import { paymentProvider } from "../market/money/provider/choose.ts";
import type { Sale } from "../market/money/sales.ts";
import { saleSchema, type ShownSale, shownSale } from "../market/money/shown-sale.ts";
import { marketOf } from "../market/market.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { originOf } from "../origin.ts";
import { database } from "../store/database.ts";

const described = { tags: ["Market"] };
const params = z.object({ id: z.string().max(64) });
const newSchema = z
  .strictObject({ plugin: pluginNameSchema.max(128) })
  .openapi("NewPurchase", { example: { plugin: "@ada/weather" } });
const listSchema = z.object({ purchases: z.array(saleSchema) }).openapi("PurchaseList");
const one = { description: "The purchase.", content: jsonContent(saleSchema) };
const refusals = errorResponses("invalid_api_key", "forbidden", "not_found", "payments_off", "payment_failed");

const buyRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/purchases",
  operationId: "buyPlugin",
  summary: "Begin to buy a plugin",
  description:
    "Nothing is paid yet: 'checkoutUrl' is where a person pays, at the payment provider. Asked again while that is open, it is the same.",
  request: { body: jsonBody(newSchema) },
  responses: { 201: one, ...refusals, ...errorResponses("invalid_request", "already_bought") },
});
const listRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/purchases",
  operationId: "listPurchases",
  summary: "What you have bought, with receipts",
  responses: {
    200: { description: "The latest first.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/purchases/{id}",
  operationId: "showPurchase",
  summary: "A purchase of yours",
  request: { params },
  responses: { 200: one, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});
const cancelRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/purchases/{id}/cancel",
  operationId: "cancelSubscription",
  summary: "End a subscription with what is paid for",
  request: { params },
  responses: { 200: one, ...refusals, ...errorResponses("purchase_state") },
});
const refundRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/purchases/{id}/refund",
  operationId: "refundPurchase",
  summary: "Have your money back, within 14 days",
  description: "The latest payment, whole. A subscription ends at once, and the plugin works no more.",
  request: { params },
  responses: { 200: one, ...refusals, ...errorResponses("refund_over") },
});

/** What one buys. */
export function mountMarketPurchases(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, buyRoute);
  app.post(buyRoute.path, async (c) => {
    const { plugin } = await readJsonBody(c.req.raw, newSchema);
    return c.json(await shown(c, await beginToBuy(c, plugin)), 201);
  });

  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const sales = await listSales(database(c.env.DB), accountOf(c).userId, MONEY_LIMITS.listed);
    const purchases = sales.map((sale) => shownSale(sale, Date.now()));
    return c.json({ purchases } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, showRoute);
  app.get("/api/market/purchases/:id", async (c) => c.json(await shown(c, await ownSale(c))));

  registerRoute(app, cancelRoute);
  app.post("/api/market/purchases/:id/cancel", async (c) => c.json(await shown(c, await cancelOwn(c))));

  registerRoute(app, refundRoute);
  app.post("/api/market/purchases/:id/refund", async (c) => c.json(await shown(c, await refundOwn(c))));
}

export async function sellingOf(c: Context<AppEnv>): Promise<Selling> {
  return { db: database(c.env.DB), provider: await paymentProvider(c.env), nowMs: Date.now() };
}

/** For who asks, by API or page. */
export async function beginToBuy(c: Context<AppEnv>, plugin: string): Promise<Sale> {
  const followed = followedMarket(c.env);
  if (followed !== undefined)
    throw new PorchlightError(
      "payments_off",
      `This edge takes its plugins from ${followed}, which sells to people of that edge only.`,
    );
  const sale = await buy(await sellingOf(c), { userId: accountOf(c).userId, plugin, origin: originOf(c) });
  await audit(c, "purchase_begun", { target: plugin });
  await wakeForTest(c, sale);
  return sale;
}

export async function cancelOwn(c: Context<AppEnv>): Promise<Sale> {
  const sale = await ownSale(c);
  await cancel(await sellingOf(c), sale);
  await audit(c, "subscription_cancelled", { target: sale.plugin });
  await wakeForTest(c, sale);
  return await ownSale(c);
}

export async function refundOwn(c: Context<AppEnv>): Promise<Sale> {
  const sale = await ownSale(c);
  await refund(await sellingOf(c), sale);
  await audit(c, "purchase_refunded", { target: sale.plugin });
  await wakeForTest(c, sale);
  return await ownSale(c);
}

/** The purchase that the address names. Throws `not_found` unless it is of who asks. */
export async function ownSale(c: Context<AppEnv>): Promise<Sale> {
  return await saleOf(database(c.env.DB), accountOf(c).userId, c.req.param("id") ?? "");
}

/** The test provider sends its webhooks from the market's alarm. */
async function wakeForTest(c: Context<AppEnv>, { provider }: Sale): Promise<void> {
  if (provider === "test") await marketOf(c.env).wake();
}

async function shown(c: Context<AppEnv>, sale: Sale): Promise<ShownSale> {
  return shownSale({ ...sale, payments: await listPayments(database(c.env.DB), sale.id) }, Date.now());
}
