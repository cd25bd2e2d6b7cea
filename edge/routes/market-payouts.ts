import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { marketOf } from "../market/market.ts";
import { D1Book } from "../market/money/d1-book.ts";
import { balancesOf } from "../market/money/earnings.ts";
import { currencySchema } from "../market/money/event.ts";
import { Ledger } from "../market/money/ledger.ts";
import { connectPayouts, lookUpPayee } from "../market/money/payout-desk.ts";
import { paymentProvider } from "../market/money/provider/choose.ts";
import { changePayee, findPayee } from "../market/money/sales.ts";
import { originOf } from "../origin.ts";
import { database } from "../store/database.ts";
import { publisherOf } from "./market-publisher.ts";

const described = { tags: ["Market"] };
const payoutSchema = z
  .object({
    id: z.string(),
    currency: z.string(),
    amount: z.number().int().openapi({ description: "Minor units." }),
    state: z.enum(["sent", "paid", "failed"]).openapi({ description: "failed: it is available again." }),
  })
  .openapi("Payout");
const payoutsSchema = z
  .object({
    provider: z.enum(["stripe", "test"]).nullable().openapi({ description: "Null: this market takes no payments." }),
    connected: z.boolean(),
    payoutsEnabled: z.boolean().openapi({ description: "The provider knows who you are, and pays you." }),
    automatic: z.boolean().openapi({ description: "You are paid by itself, from 1,000 minor units on." }),
    payouts: z.array(payoutSchema),
  })
  .openapi("Payouts");
export type ShownPayouts = z.infer<typeof payoutsSchema>;
const linkSchema = z.object({ url: z.string() }).openapi("PayoutConnection");
const askSchema = z.strictObject({ currency: currencySchema }).openapi("NewPayout", { example: { currency: "EUR" } });
const changeSchema = z.strictObject({ automatic: z.boolean() }).openapi("PayoutChange");

const refusals = errorResponses("invalid_api_key", "forbidden", "not_found", "payments_off", "payment_failed");
const shown = { 200: { description: "How you are paid.", content: jsonContent(payoutsSchema) } };

const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/market/payouts",
  operationId: "showPayouts",
  summary: "How you are paid, and what was",
  responses: { ...shown, ...refusals },
});
const connectRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/payouts/connect",
  operationId: "connectPayouts",
  summary: "Where you tell the payment provider who you are and which bank is yours",
  description: "The address is good for some minutes. Your bank is known to the provider alone.",
  responses: { 201: { description: "The address.", content: jsonContent(linkSchema) }, ...refusals },
});
const payRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/market/payouts",
  operationId: "payOut",
  summary: "Be paid now all that is available",
  request: { body: jsonBody(askSchema) },
  responses: {
    201: { description: "The payout.", content: jsonContent(payoutSchema) },
    ...refusals,
    ...errorResponses("invalid_request", "payout_not_ready"),
  },
});
const changeRoute = createRoute({
  ...described,
  method: "patch",
  path: "/api/market/payouts",
  operationId: "changePayouts",
  summary: "Be paid by itself, or only when you ask",
  request: { body: jsonBody(changeSchema) },
  responses: { ...shown, ...refusals, ...errorResponses("invalid_request", "payout_not_ready") },
});

/** How publishers are paid. */
export function mountMarketPayouts(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get(showRoute.path, async (c) => c.json(await shownPayouts(c, (await publisherOf(c)).id)));

  registerRoute(app, connectRoute);
  app.post(connectRoute.path, async (c) => c.json({ url: await connectOwn(c) }, 201));

  registerRoute(app, payRoute);
  app.post(payRoute.path, async (c) => {
    const { currency } = await readJsonBody(c.req.raw, askSchema);
    return c.json({ ...(await payOwn(c, currency)), currency } satisfies z.infer<typeof payoutSchema>, 201);
  });

  registerRoute(app, changeRoute);
  app.patch(changeRoute.path, async (c) => {
    const { automatic } = await readJsonBody(c.req.raw, changeSchema);
    await changeOwn(c, automatic);
    return c.json(await shownPayouts(c, (await publisherOf(c)).id));
  });
}

/** Address of the provider's page for the publisher who asks. */
export async function connectOwn(c: Context<AppEnv>): Promise<string> {
  const { id } = await publisherOf(c);
  const [db, provider] = [database(c.env.DB), await paymentProvider(c.env)];
  if (provider === undefined) throw new PorchlightError("payments_off");
  const url = await connectPayouts({ db, provider, nowMs: Date.now() }, id, `${originOf(c)}/market/mine`);
  await audit(c, "payouts_connected", { target: provider.name });
  return url;
}

export async function payOwn(c: Context<AppEnv>, currency: string) {
  const { id } = await publisherOf(c);
  const payout = takeMade(await marketOf(c.env).payOut(id, currency));
  await audit(c, "payout_asked", { target: `${payout.amount} ${currency}: ${payout.state}` });
  return payout;
}

export async function changeOwn(c: Context<AppEnv>, automatic: boolean): Promise<void> {
  const { id } = await publisherOf(c);
  const db = database(c.env.DB);
  if ((await findPayee(db, id)) === undefined) throw new PorchlightError("payout_not_ready");
  await changePayee(db, { publisherId: id }, { automatic });
}

/** How a publisher is paid, as the provider has it now. */
export async function shownPayouts(c: Context<AppEnv>, publisherId: string): Promise<ShownPayouts> {
  const [db, provider] = [database(c.env.DB), await paymentProvider(c.env)];
  const payee =
    provider === undefined ? undefined : await lookUpPayee({ db, provider, nowMs: Date.now() }, publisherId);
  const isOwn = payee !== undefined && payee.provider === provider?.name;
  const ledger = new Ledger(new D1Book(db));
  const payouts: z.infer<typeof payoutSchema>[] = [];
  for (const { currency } of await balancesOf(db, publisherId)) {
    for (const [id, { amount, state }] of await ledger.payouts(publisherId, currency))
      payouts.unshift({ id, currency, amount, state });
  }
  return {
    provider: provider?.name ?? null,
    connected: isOwn,
    payoutsEnabled: isOwn && payee.payoutsEnabled,
    automatic: payee?.automatic ?? true,
    payouts,
  };
}
