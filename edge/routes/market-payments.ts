import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readBytes } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { MONEY_LIMITS } from "../market/money/limits.ts";
import { paymentProvider } from "../market/money/provider/choose.ts";
import { D1Book } from "../market/money/d1-book.ts";
import { listDisputes } from "../market/money/sales.ts";
import { takeEvent } from "../market/money/take-news.ts";
import { requireMarketRole } from "../market/roles.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { database } from "../store/database.ts";

const MOST_LISTED = 100;

const takenSchema = z.object({ received: z.literal(true) }).openapi("WebhookTaken");
const disputesSchema = z
  .object({
    disputes: z.array(
      z.object({
        id: z.string(),
        payment: z.string(),
        plugin: z.string().nullable(),
        currency: z.string().nullable(),
        amount: z.number().int().openapi({ description: "Minor units." }),
        state: z.enum(["open", "won", "lost"]),
        at: z.iso.datetime(),
      }),
    ),
    waiting: z.array(z.object({ key: z.string(), type: z.string() })).openapi({
      description:
        "Events of the ledger that belong to nothing known, or give back more than was paid: look at them at the provider.",
    }),
  })
  .openapi("Disputes");

const webhookRoute = createRoute({
  tags: ["Market"],
  security: [],
  method: "post",
  path: "/api/market/payments/webhook",
  operationId: "takePaymentEvent",
  summary: "For the payment provider: what happened to money",
  description:
    "Signed by the provider; read as it came. An event that was taken already is taken again, and changes nothing.",
  request: { body: { required: true, content: { "application/json": { schema: { type: "object" } } } } },
  responses: {
    200: { description: "Taken.", content: jsonContent(takenSchema) },
    ...errorResponses("webhook_signature_invalid", "payments_off", "body_too_large", "payment_failed"),
  },
});
const disputesRoute = createRoute({
  tags: ["Market"],
  method: "get",
  path: "/api/market/disputes",
  operationId: "listDisputes",
  summary: "Payments that buyers' banks took back, and what waits in the ledger",
  description: "For administrators of the market. Disputes are answered at the payment provider.",
  responses: {
    200: { description: "Open ones first.", content: jsonContent(disputesSchema) },
    ...errorResponses("invalid_api_key", "market_role_needed"),
  },
});

/** What the provider tells, and what needs somebody to look. */
export function mountMarketPayments(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, webhookRoute);
  app.post(webhookRoute.path, async (c) => {
    const provider = await paymentProvider(c.env);
    if (provider === undefined) throw new PorchlightError("payments_off");
    const bytes = await readBytes(c.req.raw, MONEY_LIMITS.webhookBytes);
    const event = await provider.readWebhook(new TextDecoder().decode(bytes), c.req.raw.headers);
    await takeEvent(database(c.env.DB), event);
    return c.json({ received: true } satisfies z.infer<typeof takenSchema>);
  });

  registerRoute(app, disputesRoute);
  app.get(disputesRoute.path, async (c) => {
    const db = database(c.env.DB);
    await requireMarketRole(db, accountOf(c), "administrator");
    const [disputes, waiting] = await Promise.all([
      listDisputes(db, MOST_LISTED),
      new D1Book(db).allWaiting(MOST_LISTED),
    ]);
    return c.json({
      disputes: disputes.map(({ dispute, payment, sale }) => ({
        id: dispute.id,
        payment: dispute.paymentId,
        plugin: sale?.plugin ?? null,
        currency: payment?.currency ?? null,
        amount: dispute.amount,
        state: dispute.state,
        at: new Date(dispute.at).toISOString(),
      })),
      waiting: waiting.map(({ key, type }) => ({ key, type })),
    } satisfies z.infer<typeof disputesSchema>);
  });
}
