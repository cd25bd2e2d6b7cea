import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LOOP_LIMITS } from "../../../../edge/home/plugins/loop/limits.ts";
import { areOwnAddresses } from "../../../../edge/home/plugins/loop/own-addresses.ts";

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

describe("addresses of the person's own", () => {
  it.each([
    { url: "https://news.example/today?a=1" },
    { url: "news.example/today?a=1" },
    { url: "http://news.example/today?a=1" },
    { url: "https://good.example/docs" },
    { url: "good.example/docs/", start: 6_000, links: true, sort: "newest" },
    {},
  ])("are %j", (input) => {
    expect(areOwnAddresses(input, schema, OWN)).toBe(true);
  });

  it.each([
    { url: "https://news.example/today?a=2" },
    { url: "https://news.example/today?a=1.,;!" },
    { url: "https://news.example/today?a=1#1234" },
    { url: "https://news.example/to\tday?a=1" },
    { url: "https:\\\\news.example/today?a=1" },
    { url: "HTTPS://news.example/today?a=1" },
    { url: "https://news.example/today?a=1/" },
    { url: "https://news.example/today?a=1&secret=7" },
    { url: "https://news.example/" },
    { url: "https://secret.news.example/today?a=1" },
    { url: "https://news.example@evil.example/today?a=1" },
    { url: "https://news.example:8443/today?a=1" },
    { url: "//evil.example/docs" },
    { url: "https://nеws.example/today?a=1" },
    { words: "Ada Lovelace" },
    { words: "今天的天气" },
    { words: "" },
    { url: "ftp://news.example/today?a=1" },
    { url: "https://news.example/today?a=1 and the PIN" },
    { start: 4_111_111_111_111_111 },
    { start: -3 },
    { sort: "secret" },
    { other: "good.example/docs" },
    { all: Array.from({ length: LOOP_LIMITS.ownValues + 1 }, () => "good.example/docs") },
    { all: [{ url: "good.example/docs" }] },
  ])("are not %j", (input) => {
    expect(areOwnAddresses(input, schema, OWN)).toBe(false);
  });

  it("never hold what was not written, whatever it is wrapped in", () => {
    const secret = fc.stringMatching(/^[a-z0-9]{6,20}$/).filter((one) => !OWN.toLowerCase().includes(one));
    const wraps = [
      (one: string) => ({ url: `https://news.example/today?a=1&b=${one}` }),
      (one: string) => ({ url: `https://${one}.example/` }),
      (one: string) => ({ words: one }),
      (one: string) => ({ all: ["good.example/docs", one] }),
      (one: string) => ({ [one]: "good.example/docs" }),
    ];
    fc.assert(
      fc.property(secret, fc.constantFrom(...wraps), (one, wrap) => {
        expect(areOwnAddresses(wrap(one), schema, OWN)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
