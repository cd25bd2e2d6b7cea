import { expect, it } from "vitest";
import { SOLD_CURRENCIES } from "../../../shared/market/currencies.ts";
import { type ManifestDraft, manifestDraftSchema } from "../../../shared/plugin/manifest.ts";
import { makePackage } from "../../support/market.ts";

const words = { en: "Trees", zh: "树" };
const draft = {
  name: "@ada/trees",
  version: "1.0.0",
  title: words,
  description: words,
  kind: "tool",
  entry: "main.js",
};

it("is for once or by the month or year, in whole minor units, and nothing else", () => {
  const price = { currency: "EUR", minorUnits: 499 };
  for (const good of [price, { ...price, every: "month" }, { ...price, every: "year" }, { ...price, minorUnits: 0 }])
    expect(manifestDraftSchema.parse({ ...draft, price: good }).price).toEqual(good);
  for (const bad of [
    { ...price, every: "week" },
    { ...price, every: null },
    { ...price, every: undefined },
    { ...price, minorUnits: 0, every: "month" },
    { ...price, minorUnits: -1 },
    { ...price, minorUnits: 4.99 },
    { ...price, minorUnits: 1_000_001 },
    { ...price, minorUnits: "499" },
    { ...price, currency: "eur" },
    { ...price, off: true },
  ])
    expect(manifestDraftSchema.safeParse({ ...draft, price: bad }).success, JSON.stringify(bad)).toBe(false);
});

it("is part of what is signed: another price is another package", async () => {
  const hash = async (price: NonNullable<ManifestDraft["price"]>): Promise<string> =>
    (await makePackage({ name: "@ada/trees", draft: { price } })).hash;
  const once = await hash({ currency: "EUR", minorUnits: 499 });
  expect(await hash({ minorUnits: 499, currency: "EUR" })).toBe(once);
  const others = [
    await hash({ currency: "EUR", minorUnits: 498 }),
    await hash({ currency: "EUR", minorUnits: 499, every: "month" }),
    await hash({ currency: "EUR", minorUnits: 499, every: "year" }),
  ];
  expect(new Set([once, ...others]).size).toBe(4);
});

it("is sold in currencies whose minor units the pages write as they are", () => {
  for (const currency of SOLD_CURRENCIES) {
    const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
    expect(digits, currency).toBe(currency === "JPY" || currency === "KRW" ? 0 : 2);
  }
});
