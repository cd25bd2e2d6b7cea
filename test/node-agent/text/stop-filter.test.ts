import { array as listOf, assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createStopFilter } from "../../../node-agent/text/stop-filter.ts";
import { splitAt, splits } from "../../support/engine-splits.ts";

/** The slow twin: the stop string that ends first, the longest of those, on the whole text. */
function cutAtStop(text: string, stops: readonly string[]): string {
  let cut: { start: number; end: number } | null = null;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    if (start === -1) continue;
    const end = start + stop.length;
    if (cut === null || end < cut.end || (end === cut.end && start < cut.start)) cut = { start, end };
  }
  return cut === null ? text : text.slice(0, cut.start);
}

function run(pieces: readonly string[], stops: readonly string[]): { out: string[]; stopped: boolean } {
  const stopFilter = createStopFilter(stops);
  const out = pieces.map((piece) => stopFilter.push(piece));
  const { stopped } = stopFilter;
  return { out: [...out, stopFilter.end()], stopped };
}

describe("createStopFilter", () => {
  it.each([[["a", "b"]], [["a", "😀", "😁"]]])(
    "equals its twin, whatever the split, over the letters %j",
    (letters) => {
      const word = (minLength: number, maxLength: number) =>
        listOf(constantFrom(...letters), { minLength, maxLength }).map((parts) => parts.join(""));
      assert(
        property(word(0, 40), listOf(word(1, 8), { maxLength: 4 }), splits, (text, stops, lengths) => {
          const expected = cutAtStop(text, stops);
          const { out, stopped } = run(splitAt(text, lengths), stops);
          expect(out.join("")).toBe(expected);
          expect(stopped).toBe(stops.some((stop) => text.includes(stop)));
          for (const piece of out) expect(piece.isWellFormed()).toBe(true);
        }),
        { numRuns: 3000, seed: 5 },
      );
    },
  );

  it("holds back what may become a stop string, and nothing else", () => {
    expect(run(["Hello\nUs", "a", "ble\nUser:", " more"], ["\nUser:"])).toEqual({
      out: ["Hello", "\nUsa", "ble", "", ""],
      stopped: true,
    });
    expect(run(["one E", "N"], ["END"]).out).toEqual(["one ", "", "EN"]);
  });

  it("finds a stop string that begins inside of a failed attempt at it", () => {
    expect(run(Array.from("aabaaabaaac"), ["aabaaac"])).toMatchObject({ stopped: true });
    expect(run(["aabaaabaaac"], ["aabaaac"]).out).toEqual(["aaba", ""]);
  });

  it("says which one it was", () => {
    const filter = createStopFilter(["xyz", "END", "ND"]);
    filter.push("the E");
    expect(filter.stoppedBy).toBeUndefined();
    filter.push("ND");
    expect(filter.stoppedBy).toBe("END");
  });

  it("lets the first complete one win", () => {
    expect(run(["abcd"], ["abcd", "bc"]).out).toEqual(["a", ""]);
    expect(run(["xabc"], ["bc", "abc"]).out).toEqual(["x", ""]);
  });

  it("never cuts a character in two", () => {
    expect(run(["a😀b"], ["\ude00"])).toEqual({ out: ["a😀b", ""], stopped: false });
  });
});
