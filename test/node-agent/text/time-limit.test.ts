import { expect, test } from "vitest";
import { withTimeLimit } from "../../../node-agent/text/time-limit.ts";
import { createTokenizer } from "../../../node-agent/text/tokenizer.ts";

const tooSlow = () => new Error("too slow");

test("gives the result, whatever it is, and the error of what fails", () => {
  expect(withTimeLimit(1000, () => "done", tooSlow)).toBe("done");
  expect(withTimeLimit(1000, () => undefined, tooSlow)).toBeUndefined();
  const failure = new TypeError("no");
  expect(() =>
    withTimeLimit(
      1000,
      () => {
        throw failure;
      },
      tooSlow,
    ),
  ).toThrow(failure);
});

test("one inside another has its own limit", () => {
  const inner = () => withTimeLimit(20, endless, () => new RangeError("the inner one"));
  expect(() => withTimeLimit(5000, inner, tooSlow)).toThrow(RangeError);
  expect(withTimeLimit(1000, () => withTimeLimit(1000, () => 1, tooSlow) + 1, tooSlow)).toBe(2);
});

test("ends a loop and an expression that would take for ever", () => {
  expect(() => withTimeLimit(20, endless, tooSlow)).toThrow("too slow");
  const text = `${"a".repeat(60)}!`;
  expect(() => withTimeLimit(20, () => /^(a+)+$/u.test(text), tooSlow)).toThrow("too slow");
});

test("a tokenizer whose rule for cutting text does not end is refused by name", () => {
  const tokenizer = createTokenizer(
    {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false },
      post_processor: null,
      decoder: { type: "ByteLevel" },
      model: { type: "BPE", vocab: { a: 0 }, merges: [] },
    },
    {},
  );
  expect(tokenizer.encode("aa")).toEqual([0, 0]);
  expect(() => tokenizer.encode(`${"a".repeat(60)}!`)).toThrow(
    expect.objectContaining({ code: "model_load_failed", message: expect.stringContaining("in time") }),
  );
});

function endless(): never {
  for (;;);
}
