import { array as listOf, assert, boolean, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createReasoningSplitter, opensThoughts } from "../../../node-agent/text/reasoning.ts";
import { splitAt, splits } from "../../support/engine-splits.ts";

/** The slow twin, on the whole text. */
function separate(text: string, isOpen: boolean): { reasoning: string; text: string } {
  const opened = /^\s*<think>/.exec(text)?.[0];
  if (!isOpen && opened === undefined) return { reasoning: "", text };
  const body = isOpen ? text : text.slice(opened?.length);
  const close = body.indexOf("</think>");
  if (close === -1) return { reasoning: body.trim(), text: "" };
  return { reasoning: body.slice(0, close).trim(), text: body.slice(close + "</think>".length).trimStart() };
}

function run(pieces: readonly string[], isOpen: boolean) {
  const splitter = createReasoningSplitter(isOpen);
  const out = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  const joined = (type: string) => out.flatMap((piece) => (piece.type === type ? [piece.text] : [])).join("");
  return { out, reasoning: joined("reasoning"), text: joined("text") };
}

describe("createReasoningSplitter", () => {
  it("equals its twin, whatever the split", () => {
    const words = constantFrom("<think>", "</think>", "<", "/", "th", "ink>", " ", "\n", "a", "😀");
    assert(
      property(listOf(words, { maxLength: 20 }), splits, boolean(), (parts, lengths, isOpen) => {
        const whole = parts.join("");
        const { out, reasoning, text } = run(splitAt(whole, lengths), isOpen);
        expect({ reasoning, text }).toEqual(separate(whole, isOpen));
        for (const piece of out) expect(piece.text).not.toBe("");
        // Thoughts come first.
        const types = out.map(({ type }) => type);
        expect(types).toEqual(types.toSorted());
      }),
      { numRuns: 3000, seed: 7 },
    );
  });

  it("lets thoughts through as they come, but for what may be the end of them", () => {
    expect(
      run(["<think>", "\nOne", " two", " ", "</thi", "s>", "</think>", "\n\n", "So", " three"], false).out,
    ).toEqual([
      { type: "reasoning", text: "One" },
      { type: "reasoning", text: " two" },
      { type: "reasoning", text: " </this>" },
      { type: "text", text: "So" },
      { type: "text", text: " three" },
    ]);
    expect(run(["1 <think>2</think>"], false).out).toEqual([{ type: "text", text: "1 <think>2</think>" }]);
  });
});

it("knows a prompt that ends inside of thoughts", () => {
  expect(opensThoughts("<|assistant|>\n<think>\n")).toBe(true);
  expect(opensThoughts("<|assistant|>\n<think>\n\n</think>\n\n")).toBe(false);
  expect(opensThoughts("<|assistant|>\n")).toBe(false);
});
