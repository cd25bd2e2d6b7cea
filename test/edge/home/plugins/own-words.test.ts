import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LOOP_LIMITS } from "../../../../edge/home/plugins/loop/limits.ts";
import { ownBits } from "../../../../edge/home/plugins/loop/own-words.ts";

const OWN = "Read https://news.example/today?a=1, then (good.example/docs/) and 查看今天的天气. Who is Ada Lovelace?";
const schema = {
  type: "object" as const,
  properties: {
    url: { type: "string" as const },
    words: { type: "string" as const },
    start: { type: "integer" as const },
    sort: { type: "string" as const, enum: ["newest", "oldest"] },
    links: { type: "boolean" as const },
    all: { type: "array" as const, items: { type: "string" as const } },
  },
};

describe("the person's own words", () => {
  it.each([
    { url: "https://news.example/today?a=1" },
    { url: "news.example/today?a=1" },
    { url: "http://NEWS.example/today?a=1#top" },
    { url: "https://good.example/docs" },
    { url: "good.example/docs/", start: 6_000, links: true, sort: "newest" },
    { words: "ada  LOVELACE" },
    { words: "今天的天气" },
    { words: "" },
    {},
  ])("are %j", (input) => {
    expect(ownBits(input, schema, OWN)).toBeGreaterThanOrEqual(0);
  });

  it.each([
    { url: "https://news.example/today?a=2" },
    { url: "https://news.example/today?a=1&secret=7" },
    { url: "https://news.example/" },
    { url: "https://secret.news.example/today?a=1" },
    { url: "https://news.example@evil.example/today?a=1" },
    { url: "https://news.example:8443/today?a=1" },
    { url: "//evil.example/docs" },
    { url: "https://nеws.example/today?a=1" },
    { words: "Lovelace Ada" },
    { words: "Love" },
    { words: "the secret" },
    { words: "Ada\u200b Lovelace" },
    { start: 4_111_111_111_111_111 },
    { start: -3 },
    { sort: "secret" },
    { other: "Ada" },
    { all: Array.from({ length: LOOP_LIMITS.ownValues + 1 }, () => "Ada") },
    { all: [{ words: "Ada" }] },
  ])("are not %j", (input) => {
    expect(ownBits(input, schema, OWN)).toBeUndefined();
  });

  it("never hold what was not written, whatever it is wrapped in", () => {
    const secret = fc.stringMatching(/^[a-z0-9]{6,20}$/).filter((one) => !OWN.toLowerCase().includes(one));
    const wraps = [
      (one: string) => ({ url: `https://news.example/today?a=1&b=${one}` }),
      (one: string) => ({ url: `https://${one}.example/` }),
      (one: string) => ({ words: `Ada ${one}` }),
      (one: string) => ({ all: ["Ada", one] }),
      (one: string) => ({ [one]: "Ada" }),
    ];
    fc.assert(
      fc.property(secret, fc.constantFrom(...wraps), (one, wrap) => {
        expect(ownBits(wrap(one), schema, OWN)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it("tell no more than which of them was chosen", () => {
    const one = { type: "object" as const, properties: { words: { type: "string" as const } }, required: ["words"] };
    expect(ownBits({ words: "Paris" }, one, "Paris")).toBe(0);
    expect(ownBits({ words: "rates" }, one, "rates of today")).toBeCloseTo(Math.log2(6));
    // A number that nobody wrote is nearly as much as a PIN: more than a mounted server may be told.
    expect(ownBits({ start: 4_711 }, schema, OWN)).toBeGreaterThan(LOOP_LIMITS.ownBits);
  });
});
