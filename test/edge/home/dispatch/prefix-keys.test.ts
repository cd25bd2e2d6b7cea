import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodePrefixKeys,
  type PrefixKey,
  prefixHeaderSchema,
  prefixKeys,
  rememberedKeys,
} from "../../../../edge/home/dispatch/prefix-keys.ts";
import type { Message } from "../../../../shared/inference/request.ts";

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ minLength: 2000, maxLength: 9000 }));
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constant("user" as const), content: text }),
  fc.record({ role: fc.constant("assistant" as const), content: text }),
  fc.record({ role: fc.constant("tool" as const), toolCallId: fc.string({ maxLength: 5 }), content: text }),
);
const messages = fc.array(message, { minLength: 1, maxLength: 12 });
const tools = [{ name: "clock", parameters: { type: "object" } }];

const hashes = (keys: PrefixKey[]): Set<string> => new Set(keys.map(({ hash }) => hash));
const common = (a: PrefixKey[], b: PrefixKey[]): PrefixKey[] => a.filter(({ hash }) => hashes(b).has(hash));
const shared = (a: PrefixKey[], b: PrefixKey[]): number => common(a, b).length;

describe("the beginnings of a prompt", () => {
  it("are found again by whatever goes on from it", () => {
    fc.assert(
      fc.property(messages, messages, (first, more) => {
        const before = prefixKeys({ model: "m", messages: first });
        const after = prefixKeys({ model: "m", messages: [...first, ...more] });
        const whole = before.findLast(({ hash }) => !hash.startsWith("B"));
        expect(after).toContainEqual(whole);
        expect(rememberedKeys(before)).toContainEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  it("are others once model, tools or the first message are", () => {
    fc.assert(
      fc.property(messages, (all) => {
        const plain = prefixKeys({ model: "m", messages: all });
        expect(shared(plain, prefixKeys({ model: "n", messages: all }))).toBe(0);
        expect(shared(plain, prefixKeys({ model: "m", messages: all, tools }))).toBe(0);
        const other: Message[] = [{ role: "system", content: "Be brief." }, ...all];
        expect(shared(plain, prefixKeys({ model: "m", messages: other }))).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it("are equal only up to the first difference", () => {
    fc.assert(
      fc.property(messages, fc.nat(), (all, at) => {
        const index = at % all.length;
        const changed = all.map((one, i) => (i === index ? { ...one, content: `${one.content}!` } : one));
        const [a, b] = [prefixKeys({ model: "m", messages: all }), prefixKeys({ model: "m", messages: changed })];
        const same = hashes(common(a, b));
        // What begins alike is all before the changed message, and blocks within it that end before its end.
        const ends = a.filter(({ hash }) => !hash.startsWith("B"));
        expect(ends.filter(({ hash }) => same.has(hash))).toEqual(ends.slice(0, index));
      }),
      { numRuns: 25 },
    );
  });

  it("of a document that several questions share are found by its blocks", () => {
    const document = "The quick brown fox jumps over the lazy dog. ".repeat(400);
    const ask = (question: string) =>
      prefixKeys({ model: "m", messages: [{ role: "user", content: document + question }] });
    expect(common(ask("Who jumps?"), ask("Over whom?")).at(-1)?.characters).toBe(16384);
  });

  it("tell messages apart that would make one text", () => {
    const one: Message[] = [{ role: "user", content: "a\nuser:1:b" }];
    const two: Message[] = [
      { role: "user", content: "a" },
      { role: "user", content: "b" },
    ];
    expect(shared(prefixKeys({ model: "m", messages: one }), prefixKeys({ model: "m", messages: two }))).toBe(0);
  });

  it("stay few however long a conversation is, and its latest turns are among them", () => {
    const long = Array.from(
      { length: 2000 },
      (_, i): Message => ({ role: "user", content: `turn ${i} ${"x".repeat(100)}` }),
    );
    const keys = prefixKeys({ model: "m", messages: long });
    expect(keys.length).toBeLessThanOrEqual(80);
    const before = prefixKeys({ model: "m", messages: long.slice(0, 1960) }).findLast(
      ({ hash }) => !hash.startsWith("B"),
    );
    expect(keys).toContainEqual(before);
    expect(prefixHeaderSchema.parse(encodePrefixKeys(keys))).toEqual(keys);
  });
});

it("is read from a header only where it is one", () => {
  for (const header of [
    "x",
    "x:1;y:2",
    "x:-1",
    `${"x".repeat(15)}:1`,
    "x:123456789",
    "Bx:1,",
    `${"x:1,".repeat(80)}x:1`,
    "é:1",
  ]) {
    expect(prefixHeaderSchema.safeParse(header).success, header).toBe(false);
  }
  expect(prefixHeaderSchema.parse("")).toEqual([]);
});
