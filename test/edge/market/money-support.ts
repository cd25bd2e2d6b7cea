import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { testProvider } from "../../../edge/market/money/provider/choose.ts";
import type { TestCard, TestProvider, TestTurn } from "../../../edge/market/money/provider/test.ts";
import type { ShownSale } from "../../../edge/market/money/shown-sale.ts";
import { errorOf, request } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { call, install, type Outcome } from "../plugins/support.ts";

export async function provider(): Promise<TestProvider> {
  const found = await testProvider(env);
  if (found === undefined) throw new Error("the tests' provider is not switched on");
  return found;
}

/** Lets the test provider's webhooks arrive: all that are under way, in the order `by` (SQL) puts them. */
export async function arrive(by = "random()"): Promise<void> {
  const waiting = async (): Promise<boolean> =>
    (await env.DB.prepare("SELECT 1 FROM market_test_deliveries").first()) !== null;
  for (let rings = 0; rings < 50 && (await waiting()); rings++) {
    await env.DB.prepare(`UPDATE market_test_deliveries SET due_at = abs(${by}) % 1000`).run();
    await marketOf(env).wake();
    await runDurableObjectAlarm(marketOf(env));
  }
}

export async function refused(response: Response): Promise<[number, string]> {
  return [response.status, (await errorOf(response)).code];
}

export async function beginToBuy(apiKey: string, plugin: string): Promise<ShownSale> {
  const response = await send(apiKey, "POST", "/api/market/purchases", { plugin });
  const text = await response.text();
  if (response.status !== 201) throw new Error(text);
  return JSON.parse(text);
}

export const checkoutOf = ({ id }: { id: string }): string => `tco_${id}`;

/** Buys a plugin and pays for it; every webhook has arrived. */
export async function bought(apiKey: string, plugin: string, card: TestCard = "good"): Promise<ShownSale> {
  const begun = await beginToBuy(apiKey, plugin);
  await (await provider()).pay(checkoutOf(begun), card);
  await arrive();
  return await purchase(apiKey, begun.id);
}

export async function turned(apiKey: string, { id }: { id: string }, turn: TestTurn): Promise<ShownSale> {
  await (await provider()).turn(checkoutOf({ id }), turn);
  await arrive();
  return await purchase(apiKey, id);
}

export async function purchase(apiKey: string, id: string): Promise<ShownSale> {
  return await (await send(apiKey, "GET", `/api/market/purchases/${id}`)).json();
}

/** Installs what the market has of this name, with all that it asks for. */
export async function installFromMarket(apiKey: string, hash: string): Promise<Response> {
  return await send(apiKey, "POST", "/api/plugins", { hash, permissions: {} });
}

export async function greet(apiKey: string, name: string): Promise<Outcome> {
  return await call(apiKey, "greet", {}, name);
}

export { install };

/** Transactions that do not sum to zero: none, ever. */
export async function crooked(): Promise<unknown[]> {
  const query = "SELECT stream, seq FROM ledger_entries GROUP BY stream, seq, currency HAVING sum(amount) <> 0";
  return (await env.DB.prepare(query).all()).results;
}

/** Balances of the ledger in a currency, by account; what is zero is left out. */
export async function balances(currency: string): Promise<Record<string, number>> {
  const query = "SELECT account, sum(amount) AS sum FROM ledger_entries WHERE currency = ? GROUP BY account";
  const { results } = await env.DB.prepare(query).bind(currency).all<{ account: string; sum: number }>();
  expect(results.reduce((total, { sum }) => total + sum, 0)).toBe(0);
  return Object.fromEntries(results.filter(({ sum }) => sum !== 0).map(({ account, sum }) => [account, sum]));
}

export async function webhook(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return await request("/api/market/payments/webhook", { method: "POST", headers, body });
}
