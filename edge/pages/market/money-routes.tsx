import { type Context, Hono } from "hono";
import { z } from "zod";
import { readBytes } from "../../../shared/api/json-body.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { pluginNameOf } from "../../../shared/plugin/name.ts";
import type { CataloguePlugin } from "../../../shared/market/catalogue.ts";
import type { AppEnv } from "../../env.ts";
import { followedMarket } from "../../market/followed.ts";
import { marketOf } from "../../market/market.ts";
import { listPayments, listSales, saleOf } from "../../market/money/buy.ts";
import { entitlementOf, isPaid } from "../../market/money/entitlement.ts";
import { currencySchema } from "../../market/money/event.ts";
import { MONEY_LIMITS } from "../../market/money/limits.ts";
import { paymentProvider, testProvider } from "../../market/money/provider/choose.ts";
import { TEST_CARDS, TEST_TURNS, type TestProvider } from "../../market/money/provider/test.ts";
import { shownSale } from "../../market/money/shown-sale.ts";
import { findNamespace, findPublisher } from "../../market/store/publishers.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { beginToBuy, cancelOwn, ownSale, refundOwn } from "../../routes/market-purchases.ts";
import { changeOwn, connectOwn, payOwn } from "../../routes/market-payouts.ts";
import { database } from "../../store/database.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import type { Buying } from "./buying.tsx";
import { CheckoutPage, TestAccountPage } from "./checkout.tsx";
import { ConnectPage } from "./payouts.tsx";
import { PurchasePage, PurchasesPage } from "./purchases.tsx";

/** Of a form with a choice or two. */
const FORM_BYTES = 4096;
const REFRESH_SECONDS = 5;

const payFormSchema = z.union([
  z.strictObject({ card: z.enum(TEST_CARDS) }),
  z.strictObject({ turn: z.enum(TEST_TURNS) }),
]);

/** Buying and being paid. Every form is one of HTML: no script is needed. */
export const moneyPages = new Hono<AppEnv>();

moneyPages.post("/market/:publisher/:name/buy", async (c) => {
  const { publisher, name } = c.req.param();
  const { id } = await beginToBuy(c, `@${publisher}/${name}`);
  return c.redirect(`/market/purchases/${id}`, 303);
});

moneyPages.get("/market/purchases", async (c) => {
  const sales = await listSales(database(c.env.DB), accountOf(c).userId, MONEY_LIMITS.listed);
  const purchases = sales.map((sale) => shownSale(sale, Date.now()));
  return await renderPage(c, <PurchasesPage page={pageProps(c)} purchases={purchases} />);
});

moneyPages.get("/market/purchases/:id", async (c) => {
  const sale = await ownSale(c);
  const shown = shownSale({ ...sale, payments: await listPayments(database(c.env.DB), sale.id) }, Date.now());
  const isWaiting = shown.state === "open" && c.req.query("paid") !== undefined;
  // Until the provider's word has arrived; without a script too.
  if (isWaiting) c.header("refresh", String(REFRESH_SECONDS));
  return await renderPage(c, <PurchasePage page={pageProps(c)} sale={shown} isWaiting={isWaiting} />);
});

moneyPages.post("/market/purchases/:id/cancel", async (c) => {
  const { id } = await cancelOwn(c);
  return c.redirect(`/market/purchases/${id}`, 303);
});

moneyPages.post("/market/purchases/:id/refund", async (c) => {
  const { id } = await refundOwn(c);
  return c.redirect(`/market/purchases/${id}`, 303);
});

moneyPages.get("/market/checkout/:id", async (c) => {
  const test = await requireTest(c);
  const page = pageProps(c);
  const account = await ownTestAccount(c, test);
  if (account !== undefined) return await renderPage(c, <TestAccountPage page={page} account={account} />);
  const asked = c.req.query("said");
  const said = asked === "refused" || asked === "done" ? asked : undefined;
  return await renderPage(c, <CheckoutPage page={page} checkout={await ownCheckout(c, test)} said={said} />);
});

moneyPages.post("/market/checkout/:id", async (c) => {
  const test = await requireTest(c);
  const account = await ownTestAccount(c, test);
  if (account !== undefined) {
    const back = await test.finishOnboarding(account);
    await marketOf(c.env).wake();
    return c.redirect(back === "" ? "/market/mine" : back, 303);
  }
  const { id, order } = await ownCheckout(c, test);
  const form = await readForm(c, payFormSchema);
  const here = `/market/checkout/${id}?said=`;
  let next = `${here}done`;
  if ("card" in form) next = (await test.pay(id, form.card)) ? order.doneUrl : `${here}refused`;
  else await test.turn(id, form.turn);
  await marketOf(c.env).wake();
  return c.redirect(next, 303);
});

moneyPages.post("/market/payouts/connect", async (c) => {
  return await renderPage(c, <ConnectPage page={pageProps(c)} url={await connectOwn(c)} />);
});

moneyPages.post("/market/payouts/pay", async (c) => {
  const { currency } = await readForm(c, z.strictObject({ currency: currencySchema }));
  await payOwn(c, currency);
  return c.redirect("/market/mine", 303);
});

moneyPages.post("/market/payouts/automatic", async (c) => {
  const { automatic } = await readForm(c, z.strictObject({ automatic: z.enum(["yes", "no"]) }));
  await changeOwn(c, automatic === "yes");
  return c.redirect("/market/mine", 303);
});

/** What the person who looks can do about what a plugin costs. */
export async function buyingOf(c: Context<AppEnv>, plugin: CataloguePlugin): Promise<Buying> {
  if (!isPaid(plugin.manifest)) return { state: "free", isTest: false };
  const followed = followedMarket(c.env);
  if (followed !== undefined) return { state: "none", closed: { market: followed }, isTest: false };
  const [db, provider] = [database(c.env.DB), await paymentProvider(c.env)];
  const shown = { isTest: provider?.isTest ?? false, ...(provider === undefined ? { closed: "off" as const } : {}) };
  const { account } = c.var;
  if (account === undefined) return { state: "none", ...shown };
  const seller = await findNamespace(db, pluginNameOf(plugin.name).publisher);
  if (seller?.userId === account.userId) return { state: "own", ...shown };
  return { state: await entitlementOf(db, account.userId, plugin.name, Date.now()), ...shown };
}

async function requireTest(c: Context<AppEnv>): Promise<TestProvider> {
  const test = await testProvider(c.env);
  if (test === undefined) throw new PorchlightError("not_found");
  return test;
}

/** The checkout of a purchase of who asks. */
async function ownCheckout(c: Context<AppEnv>, test: TestProvider) {
  const found = await test.state.find("checkout", c.req.param("id") ?? "");
  if (found === undefined) throw new PorchlightError("not_found", "There is no such checkout.");
  await saleOf(database(c.env.DB), accountOf(c).userId, found.order.id);
  return found;
}

/** The id of the test account that the address names, if it is that of who asks. */
async function ownTestAccount(c: Context<AppEnv>, test: TestProvider): Promise<string | undefined> {
  const found = await test.state.find("account", c.req.param("id") ?? "");
  if (found === undefined) return undefined;
  const publisher = await findPublisher(database(c.env.DB), accountOf(c).userId);
  if (publisher !== undefined && found.id === `tacct_${publisher.id}`) return found.id;
  throw new PorchlightError("not_found", "There is no such account.");
}

/** A form of one of these pages, each field once. Throws `invalid_request`, `body_too_large`. */
async function readForm<T>(c: Context<AppEnv>, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readBytes(c.req.raw, FORM_BYTES);
  const fields = Object.fromEntries(new URLSearchParams(new TextDecoder().decode(bytes)));
  const read = schema.safeParse(fields);
  if (read.success) return read.data;
  throw new PorchlightError(
    "invalid_request",
    "This form was not filled in as this page does it. Go back and try again.",
  );
}
