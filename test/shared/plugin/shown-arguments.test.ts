import * as fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "../../../shared/plugin/canonical.ts";
import { shownArguments } from "../../../shared/plugin/shown-arguments.ts";

const shown = (value: unknown): string => shownArguments(canonicalJson(value));

it.each([
  ["text that runs backwards", "ann@example.org\u202egro.elpmaxe@eve", "\\u202e"],
  ["characters of no width", "a\u200bb\ufeffc", "a\\u200bb\\ufeffc"],
  ["tags that only a model reads", "hi\u{e0041}", "hi\\udb40\\udc41"],
  ["a Cyrillic letter in an address", "https://ex\u0430mple.com", "https://ex\\u0430mple.com"],
  ["an address all of Cyrillic", "\u0430\u0440\u0440\u0435.com", "\\u0430\\u0440\\u0440\\u0435.com"],
  ["a full-width address", "\uff45\uff56\uff45.example", "\\uff45\\uff56\\uff45.example"],
  ["letters of mathematics", "\u{1d41a}nn", "\\ud835\\udc1ann"],
  ["blanks that are none", "a\u3164b\u2800c\u00a0d", "a\\u3164b\\u2800c\\u00a0d"],
  ["a second line", "a\u2028b", "a\\u2028b"],
])("writes %s as an escape", (_name, text, expected) => {
  expect(shown({ to: text })).toContain(expected);
});

it.each([
  "你好，世界。请把文件.txt发给我",
  "Привет, мир. Как дела?",
  "Γειά σου",
  "café, naïve, Straße",
  "こんにちは",
  "🙂👍",
])("leaves %s as people write it", (text) => {
  expect(shown({ text })).toBe(JSON.stringify({ text }));
});

it("puts what is short before what is long, at every depth", () => {
  const long = "x".repeat(5_000);
  expect(shown({ a: long, b: { c: long, to: "eve" }, to: "eve" }).slice(0, 40)).toMatch(/^\{"to":"eve",/);
  expect(shown({ b: { a: long, to: "eve" } })).toMatch(/^\{"b":\{"to":"eve",/);
});

it("is JSON of the very same value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), fc.string({ unit: "binary" }), (value, text) => {
      const whole = { value, text: text.toWellFormed() };
      expect(canonicalJson(JSON.parse(shown(whole)))).toBe(canonicalJson(whole));
    }),
    { numRuns: 200 },
  );
});
