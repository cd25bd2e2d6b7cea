import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrammarAutomaton } from "../../../../node-agent/engine/grammar/automaton.ts";
import { parseGbnf } from "../../../../node-agent/engine/grammar/gbnf.ts";
import type { Expression, Grammar } from "../../../../node-agent/engine/grammar/grammar.ts";
import { createGrammarMatcher } from "../../../../node-agent/engine/grammar/matcher.ts";
import { regexExpression } from "../../../../node-agent/engine/grammar/regex.ts";
import { createTokenMasks } from "../../../../node-agent/engine/grammar/token-masks.ts";
import { readSlowly } from "../../../support/slow-grammar.ts";

const utf8 = new TextEncoder();

function accepts(grammar: Grammar, text: string): boolean {
  const automaton = new GrammarAutomaton(grammar);
  return automaton.nextAll(automaton.start, utf8.encode(text))?.accepts ?? false;
}

const regex = (pattern: string): Grammar => ({
  root: "root",
  rules: new Map([["root", regexExpression(pattern, { match: "whole" })]]),
});

/** Small grammars over a, b, é and "; rules refer only to later ones, so that none begins with itself. */
const expressions = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.constantFrom("a", "ab", "é", "", '"').map((text): Expression => ({ type: "text", text })),
    fc
      .constantFrom<readonly [number, number]>([97, 98], [0, 0x10ffff], [0xe9, 0xe9], [35, 0x10ffff])
      .map((range): Expression => ({ type: "characters", set: [range] })),
    fc.array(tie("any"), { maxLength: 3 }).map((items): Expression => ({ type: "sequence", items })),
    fc.array(tie("any"), { minLength: 1, maxLength: 3 }).map((items): Expression => ({ type: "choice", items })),
    fc
      .tuple(tie("any"), fc.nat(2), fc.constantFrom(0, 1, 3, Number.POSITIVE_INFINITY))
      .map(([item, min, more]): Expression => ({ type: "repeat", item, min, max: min + more })),
    fc.constant<Expression>({ type: "rule", name: "next" }),
  ),
}));
const grammars = fc.tuple(expressions.any, expressions.any).map(([root, next]): Grammar => {
  const plain = (body: Expression): Expression =>
    body.type === "rule"
      ? { type: "text", text: "b" }
      : body.type === "sequence" || body.type === "choice"
        ? { ...body, items: body.items.map(plain) }
        : body.type === "repeat"
          ? { ...body, item: plain(body.item) }
          : body;
  return {
    root: "root",
    rules: new Map([
      ["root", root],
      ["next", plain(next)],
    ]),
  };
});
const texts = fc
  .array(fc.constantFrom("a", "b", "é", '"', "ab", "日"), { maxLength: 5 })
  .map((parts) => parts.join(""));

describe("a grammar's automaton", () => {
  it("reads every text as its slow twin does", () => {
    fc.assert(
      fc.property(grammars, texts, (grammar, text) => {
        const slow = readSlowly(grammar, text);
        const automaton = new GrammarAutomaton(grammar);
        const state = automaton.nextAll(automaton.start, utf8.encode(text));
        expect({ isPrefix: state !== null, isWhole: state?.accepts ?? false }).toEqual(slow);
      }),
      { numRuns: 400 },
    );
  });

  it("allows exactly the tokens that trying each one out would allow", () => {
    const vocabulary = ["a", "b", "ab", "ba", "aab", "é", "日", '"', 'a"', '"a', "bab", "<", "abé", "é日"].map((t) =>
      utf8.encode(t),
    );
    // Parts of a character, and a control token without text.
    vocabulary.push(Uint8Array.of(0xc3), Uint8Array.of(0xa9), Uint8Array.of(0xe6, 0x97), new Uint8Array());
    const stop = vocabulary.length - 1;
    const bytesOf = (id: number): Uint8Array => vocabulary[id] ?? new Uint8Array();
    const masks = createTokenMasks(vocabulary.length, bytesOf, new Set([stop]));
    fc.assert(
      fc.property(grammars, fc.infiniteStream(fc.nat(1000)), (grammar, choices) => {
        const automaton = new GrammarAutomaton(grammar);
        const matcher = createGrammarMatcher(automaton, masks, bytesOf, new Set([stop]));
        let sofar: number[] = [];
        for (let step = 0; step < 5; step++) {
          const expected = vocabulary.flatMap((bytes, id) => {
            const state = automaton.nextAll(automaton.start, Uint8Array.from([...sofar, ...bytes]));
            return (id === stop ? state?.accepts === true : state !== null && bytes.length > 0) ? [id] : [];
          });
          if (expected.length === 0) return; // The vocabulary cannot spell what would come.
          const mask = matcher.mask();
          const allowed = vocabulary.flatMap((_, id) => (((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1 ? [id] : []));
          expect(allowed).toEqual(expected);
          const token = allowed[(choices.next().value ?? 0) % allowed.length] ?? stop;
          if (token === stop) return;
          matcher.accept(token);
          sofar = [...sofar, ...bytesOf(token)];
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a regular expression", () => {
  it.each([
    "(a|b)*c{2,3}",
    "[^x-z\\d]+",
    "\\w+@\\w+\\.(?:com|org)",
    "^\\s?[A-F0-9]{2}(-[A-F0-9]{2})*$",
    "a.c|\\u{1F600}",
    "(?<y>\\d{4})-\\d\\d?",
    "[\\w.-]+?",
    "",
  ])("matches what the runtime's own matches: %s", (pattern) => {
    const own = new RegExp(`^(?:${pattern})$`, "u");
    const grammar = regex(pattern);
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), (text) => {
        expect(accepts(grammar, text)).toBe(own.test(text));
      }),
      { numRuns: 60 },
    );
    for (const text of ["abcc", "cc", "qq", "a@b.com", "AB-01", "😀", "abc", "2024-1", "a.b-c", ""]) {
      expect(accepts(grammar, text), text).toBe(own.test(text));
    }
  });

  it.each(["(?=a)b", "\\bword", "(a)\\1", "(?<!x)y", "a{3,2}", "[b-a]", "(", "a)", "*a", "\\p{L}", "(^a)", "a$b"])(
    "that cannot be followed is refused: %s",
    (pattern) => {
      expect(() => regex(pattern)).toThrow("The regular expression");
    },
  );
});

describe("a GBNF grammar", () => {
  it("is read as llama.cpp writes it", () => {
    const grammar = parseGbnf(`
# a list
root  ::= item ("," ws item)* # and more
  | "none"
item  ::= [a-z]+ | "\\"" [^"\\n]{1,3} "\\"" | "\\x41\\u00e9"
ws    ::= " "?
`);
    for (const text of ["a", "abc, d,e", '"x1",b', "none", "Aé"]) expect(accepts(grammar, text), text).toBe(true);
    for (const text of ["", "a,", '""', '"abcd"', "a,  b", "None"]) expect(accepts(grammar, text), text).toBe(false);
  });

  it.each([
    ["root ::= other", "no rule 'other'"],
    ["a ::= b", "no rule named 'root'"],
    ['root ::= "a', "is missing (line 1)"],
    ['root ::= root "a" | "b"', "can begin with itself"],
    ['root ::= a? root| "b"\na ::= "x"', "can begin with itself"],
    ['root ::= "a" root', "No finite text"],
    ['root ::= ("a"', "')' is missing"],
    ['root ::= "a"\nroot ::= "b"', "two rules"],
    ['root ::= "a"{5,2}', "out of order"],
    ['root ::= "a" }', "a line end is missing"],
  ])("that is wrong is refused: %s", (source, sentence) => {
    expect(() => new GrammarAutomaton(parseGbnf(source))).toThrow(sentence);
  });
});

describe("hostile grammars", () => {
  const bytesOf = (id: number): Uint8Array => Uint8Array.of(id);
  const masks = createTokenMasks(256, bytesOf, new Set());

  it.each<[string, () => Grammar]>([
    ["nested counts", () => regex("((((a{1,1000}){1,1000}){1,1000}){1,1000})b")],
    ["many optional parts", () => regex(`${"a?".repeat(5_000)}b`)],
    ["empty repetitions", () => regex("(((a?)*)*){0,1000}(a*)*b")],
    ["two ways at every step", () => parseGbnf('root ::= "a" root "b" | "a" root "c" | "x"')],
    ["deep groups", () => regex(`${"(".repeat(60)}a*${")*".repeat(60)}b`)],
    [
      "a long chain of rules",
      () =>
        parseGbnf(
          `${Array.from({ length: 9_000 }, (_, i) => `${i === 0 ? "root" : `r${i}`} ::= r${i + 1}`).join("\n")}\nr9000 ::= "a"* "b"`,
        ),
    ],
  ])("end in an answer or an error: %s", (_, make) => {
    const startMs = performance.now();
    let error: unknown = null;
    try {
      const automaton = new GrammarAutomaton(make());
      const matcher = createGrammarMatcher(automaton, masks, bytesOf, new Set());
      for (let i = 0; i < 30; i++) {
        matcher.mask();
        matcher.accept(97);
      }
    } catch (thrown) {
      error = thrown;
    }
    if (error !== null) expect(error).toMatchObject({ code: "invalid_request" });
    // Not a benchmark: without bounds these take hours.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  it.each([
    ["(".repeat(1_000), "nested too deeply"],
    ["a{200000}", "repetitions is too large"],
    ["a".repeat(16_385), "too long"],
    [`(${"abcdefgh|".repeat(1_500)})`, ""],
  ])("are refused at their limits: %.20s", (pattern, sentence) => {
    if (sentence === "") expect(accepts(regex(pattern), "abcdefgh")).toBe(true);
    else expect(() => new GrammarAutomaton(regex(pattern))).toThrow(sentence);
  });
});
