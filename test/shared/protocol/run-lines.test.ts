import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter, lineKind } from "../../../shared/protocol/run-lines.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("cuts the same lines out of any pieces", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => `${text.replaceAll("\n", "")}\n`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.string(), fc.array(fc.nat(200)), (lines, rest, cuts) => {
      const bytes = encode(lines.join("") + rest.replaceAll("\n", ""));
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
      const splitter = new LineSplitter(1000);
      const found = places
        .slice(1)
        .flatMap((place, index) => splitter.push(bytes.slice(places[index], place)).map(decode));
      expect(found).toEqual(lines);
    }),
  );
});

test("holds no more of a line than it may", () => {
  const splitter = new LineSplitter(100);
  expect(splitter.push(encode("x".repeat(60)))).toEqual([]);
  expect(() => splitter.push(encode("x".repeat(60)))).toThrow(/an event that is too long/);
});

test.each([
  ['{"type":"progress","stage":"queued"}\n', "progress"],
  ['{"type":"text","text":"\\"type\\":\\"finish\\""}\n', "event"],
  ['{"type":"usage","promptTokens":1}\n', "usage"],
  ['{"type":"finish","reason":"stop"}\n', "finish"],
  ['{"type":"error","error":{}}\n', "error"],
  ['{"type":"poem"}\n', "event"],
  ['{"type":"fin', "event"],
  ["\n", "event"],
  ["nonsense\n", "event"],
])("takes %j for %s", (line, kind) => {
  expect(lineKind(encode(line))).toBe(kind);
});
