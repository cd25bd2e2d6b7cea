import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { GrammarAutomaton } from "../../../../node-agent/engine/grammar/automaton.ts";
import { jsonObjectGrammar, jsonSchemaGrammar } from "../../../../node-agent/engine/grammar/json/schema.ts";
import { toolCallGrammar } from "../../../../node-agent/engine/grammar/tool-calls.ts";
import type { Grammar } from "../../../../node-agent/engine/grammar/grammar.ts";
import { createRandom, type Random } from "../../../../node-agent/engine/random.ts";
import { createToolCallParser } from "../../../../node-agent/text/tool-call-parser.ts";
import { randomSchema } from "../../../support/random-schema.ts";

type Schema = Record<string, unknown>;

function accepts(grammar: Grammar, text: string): boolean {
  const automaton = new GrammarAutomaton(grammar);
  return automaton.nextAll(automaton.start, new TextEncoder().encode(text))?.accepts ?? false;
}

/** A text that the grammar allows, byte by byte at random, with a liking for ends; null if it gets too long. */
function writeAtRandom(grammar: Grammar, random: Random): string | null {
  const automaton = new GrammarAutomaton(grammar);
  let state = automaton.start;
  const bytes: number[] = [];
  while (bytes.length < 600) {
    const here = state;
    const next = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => automaton.next(here, byte) !== null);
    if (next.length === 0 || (state.accepts && random() < 0.4)) return Buffer.from(bytes).toString();
    const ends = next.filter((byte) => '"}],'.includes(String.fromCharCode(byte)));
    const from = ends.length > 0 && random() < 0.5 ? ends : next;
    const byte = from[Math.floor(random() * from.length)] ?? 0;
    const after = automaton.next(state, byte);
    if (after === null) throw new Error("an allowed byte was refused");
    bytes.push(byte);
    state = after;
  }
  return null;
}

describe("the grammar of a JSON Schema", () => {
  it("allows only texts that an independent validator takes", () => {
    const random = createRandom(4);
    const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
    let ended = 0;
    for (let i = 0; i < 60; i++) {
      const schema = randomSchema(random);
      const grammar = jsonSchemaGrammar(schema);
      const text = writeAtRandom(grammar, random);
      if (text === null) continue;
      ended++;
      const value: unknown = JSON.parse(text);
      expect(ajv.validate(schema, value), `${JSON.stringify(schema)} ${text}`).toBe(true);
    }
    expect(ended).toBeGreaterThan(40);
  });

  it.each<[Schema, string[], string[]]>([
    [
      { type: "object", properties: { n: { type: "string", maxLength: 3 }, a: { type: "integer" } }, required: ["n"] },
      ['{"n":"abc"}', '{ "n": "\\n€\\u00e9", "a": -1 }', '{\n  "n": "",\n  "a": 0\n}'],
      ["{}", '{"n":"abcd"}', '{"n":"a","b":1}', '{"n":"a","a":1.5}', '{"n":"a"', '{"n":"\\ud800"}'],
    ],
    [{ type: "number", minimum: 0.5, exclusiveMaximum: 3 }, ["0.5", "2.99", "1"], ["0.49", "3", "3.0", "-1", "1e0"]],
    [{ type: "integer", minimum: -15, maximum: 1234 }, ["-15", "0", "1234", "999"], ["-16", "1235", "01", "1.0"]],
    [{ type: "integer", multipleOf: 7 }, ["0", "-14", "777"], ["1", "-13"]],
    [
      { type: "object", properties: { ab: { type: "string" } }, additionalProperties: { type: "integer" } },
      ['{"ab":"x","zz":3}', '{"a":1,"abc":2}'],
      ['{"ab":1}', '{"zz":"s"}', '{"z":1,"ab":"x"}'],
    ],
    [
      { items: { enum: ["a", "b", 3] }, uniqueItems: true, minItems: 2 },
      ['["a","b"]', '["a", 3]'],
      ['["a"]', '["a","a"]'],
    ],
    [{ pattern: "b+" }, ['"abc"', '"b"'], ['"ac"', "1"]],
    [{ pattern: "^[a-z]+$", minLength: 2, maxLength: 3 }, ['"ab"', '"abc"'], ['"a"', '"abcd"']],
    [{ oneOf: [{ type: "string" }, { type: "integer" }] }, ['"a"', "1"], ["null", "1.5"]],
    [
      { $defs: { n: { type: ["null", "object"], properties: { n: { $ref: "#/$defs/n" } } } }, $ref: "#/$defs/n" },
      ['{"n":{"n":null}}'],
      ['{"n":1}'],
    ],
    [
      { minProperties: 1, maxProperties: 2, properties: { a: {}, b: {}, c: {} } },
      ['{"a":1}', '{"b":[],"c":{}}'],
      ["{}", '{"a":1,"b":1,"c":1}'],
    ],
  ])("takes what it says: %j", (schema, good, bad) => {
    for (const text of good) expect(accepts(jsonSchemaGrammar(schema), text), text).toBe(true);
    for (const text of bad) expect(accepts(jsonSchemaGrammar(schema), text), text).toBe(false);
  });

  it.each<[string, Schema]>([
    ["'not'", { not: { type: "string" } }],
    ["'if'", { if: {}, else: {} }],
    ["'contains'", { contains: { type: "string" } }],
    ["'dependentRequired'", { properties: { a: { dependentRequired: {} } } }],
    ["'oneOf'", { oneOf: [{ type: "integer" }, { type: "number", minimum: 5 }] }],
    ["'uniqueItems'", { type: "array", items: { type: "string" }, uniqueItems: true }],
    ["'multipleOf'", { type: "number", multipleOf: 0.01 }],
    ["'minProperties'", { type: "object", minProperties: 5 }],
    ["No finite text", { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }],
    ["leads back to itself", { $ref: "#" }],
    ["which is not in it", { $ref: "https://example.com/schema" }],
    ["not valid at 'minimum'", { minimum: "5" }],
    ["the pattern", { pattern: "(?=x)" }],
  ])("refuses by name what it cannot hold to: %s", (name, schema) => {
    const compile = (): unknown => new GrammarAutomaton(jsonSchemaGrammar(schema));
    expect(compile).toThrow(name === "the pattern" ? "look-around" : name);
  });

  it.each<[string, () => Schema]>([
    [
      "combinations without end",
      () => ({ allOf: Array.from({ length: 30 }, () => ({ anyOf: [{}, { minLength: 1 }, { type: "null" }] })) }),
    ],
    [
      "a deep chain of references",
      () => ({
        $defs: Object.fromEntries(
          Array.from({ length: 5_000 }, (_, i) => [`d${i}`, { type: "array", items: { $ref: `#/$defs/d${i + 1}` } }]),
        ),
        $ref: "#/$defs/d0",
      }),
    ],
    ["a large enumeration", () => ({ enum: Array.from({ length: 6_000 }, (_, i) => `value ${i}`) })],
    [
      "many properties",
      () => ({
        properties: Object.fromEntries(Array.from({ length: 1_900 }, (_, i) => [`p${i}`, { type: "number" }])),
        minProperties: 900,
      }),
    ],
    [
      "nested counts",
      () => ({
        type: "array",
        minItems: 90_000,
        items: { type: "array", minItems: 90_000, items: { maxLength: 90_000 } },
      }),
    ],
    [
      "nested branches",
      () => {
        let schema: Schema = { type: "string" };
        for (let i = 0; i < 12; i++)
          schema = {
            oneOf: [
              { type: "object", properties: { a: schema }, required: ["a"] },
              { type: "object", properties: { a: schema }, required: ["a"] },
            ],
          };
        return schema;
      },
    ],
  ])("ends in a grammar or an error for %s", (_, make) => {
    const startMs = performance.now();
    try {
      const automaton = new GrammarAutomaton(jsonSchemaGrammar(make()));
      automaton.nextAll(automaton.start, new TextEncoder().encode('{"p1": 1, "a": [[""'));
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_request" });
    }
    // Not a benchmark: without bounds these would not end.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  it("of JSON mode takes objects only", () => {
    expect(accepts(jsonObjectGrammar(), '{"a": [1, -2.5e3, {"b": null}], "": "\\u00e9\\ud83d\\ude00"}')).toBe(true);
    for (const text of ["[]", "1", '{"a":01}', "{'a':1}", '{"a":1,}', '{"a":1e999}']) {
      expect(accepts(jsonObjectGrammar(), text), text).toBe(false);
    }
  });
});

describe("the grammar of tool calls", () => {
  const tools = [
    { name: "say", parameters: { type: "object", properties: { text: { type: "string" } }, required: ["text"] } },
    { name: "stop" },
  ];
  const call = (args: string, name = "say"): string =>
    `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
  const auto = toolCallGrammar({ tools, isRequired: false, isParallel: true });
  const one = toolCallGrammar({ tools, isRequired: true, isParallel: false });

  it("takes text and calls, and of calls only valid ones", () => {
    const good = [
      "",
      "Hello < you",
      call('{"text": "a<b>c"}'),
      `Hm.\n${call('{"text":""}')}\n${call("{}", "stop")} done`,
    ];
    for (const text of good) expect(accepts(auto, text), text).toBe(true);
    const bad = [call("{}"), call('{"text":1}'), call("{}", "other"), '<tool_call>{"name":', `${call("{}")}x`];
    for (const text of bad) expect(accepts(auto, text), text).toBe(false);
    expect(accepts(one, call('{"text":"x"}'))).toBe(true);
    for (const text of ["", "Hello", `${call("{}", "stop")}\n${call("{}", "stop")}`])
      expect(accepts(one, text)).toBe(false);
  });

  it("holds a tool whose schema it cannot follow to an object, and refuses it where it is strict", () => {
    const parameters = { type: "object", properties: { a: { not: { const: 1 } } }, required: ["a"] };
    const loose = toolCallGrammar({
      tools: [{ name: "odd", parameters }, ...tools],
      isRequired: false,
      isParallel: true,
    });
    for (const args of ["{}", '{"b": [1, {"c": null}]}']) expect(accepts(loose, call(args, "odd")), args).toBe(true);
    for (const args of ["[]", "1", '{"b":']) expect(accepts(loose, call(args, "odd")), args).toBe(false);
    expect(accepts(loose, call('{"text":1}'))).toBe(false);
    const strict = { tools: [{ name: "odd", parameters, strict: true }], isRequired: false, isParallel: true };
    expect(() => toolCallGrammar(strict)).toThrow(/'not' is not supported/);
  });

  it("never lets an argument end the call early", () => {
    expect(accepts(one, call('{"text":"</tool_call>"}'))).toBe(false);
    const escaped = call(String.raw`{"text":"<\/tool_call> <<b> <\/i>"}`);
    expect(accepts(one, escaped)).toBe(true);
    const parser = createToolCallParser();
    const [piece] = [...parser.push(escaped), ...parser.end()];
    if (piece?.type !== "tool_call") throw new Error("no call");
    expect(JSON.parse(piece.call.arguments)).toEqual({ text: "</tool_call> <<b> </i>" });
  });
});
