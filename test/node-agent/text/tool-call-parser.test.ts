import { array as listOf, assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createToolCallParser, type OutputPiece } from "../../../node-agent/text/tool-call-parser.ts";
import { splitAt, splits } from "../../support/engine-splits.ts";

type Flat = string | { name: string; arguments: string };

/** Pieces without ids, neighbouring texts joined. */
function flatten(pieces: readonly OutputPiece[]): Flat[] {
  const flat: Flat[] = [];
  for (const piece of pieces) {
    const last = flat.at(-1);
    if (piece.type === "tool_call") flat.push({ name: piece.call.name, arguments: piece.call.arguments });
    else if (typeof last === "string") flat[flat.length - 1] = last + piece.text;
    else flat.push(piece.text);
  }
  return flat;
}

function run(pieces: readonly string[]): Flat[] {
  const parser = createToolCallParser();
  return flatten([...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()]);
}

const CALL = '{"name":"f","arguments":{"a":1}}';

/** The slow twin: a regular expression over the whole text. */
function parseWhole(text: string): Flat[] {
  const pieces: OutputPiece[] = [];
  const addText = (added: string) => added !== "" && pieces.push({ type: "text", text: added });
  let rest = text;
  let isAfterCall = false;
  for (;;) {
    if (isAfterCall) rest = rest.replace(/^\n+/u, "");
    const match = /^(?<before>[^]*?)(?<newlines>\n*)<tool_call>(?<body>[^]*?)(?<end><\/tool_call>|$)/u.exec(rest);
    if (match?.groups === undefined) break;
    const { before = "", newlines = "", body = "", end = "" } = match.groups;
    rest = rest.slice(match[0].length);
    addText(before);
    const json =
      end === "" ? body.replace(/<\/?[tol_ca]*$/u, (tag) => ("</tool_call>".startsWith(tag) ? "" : tag)) : body;
    isAfterCall = json.trim() === CALL;
    if (isAfterCall) pieces.push({ type: "tool_call", call: { id: "", name: "f", arguments: '{"a":1}' } });
    else addText(`${newlines}<tool_call>${body}${end}`);
  }
  addText(rest);
  return flatten(pieces);
}

describe("createToolCallParser", () => {
  it("equals its twin on the whole text, whatever the split", () => {
    const part = constantFrom(
      "<tool_call>",
      "</tool_call>",
      CALL,
      "\n",
      "\n\n",
      "text",
      "<",
      "<tool_",
      "</tool_",
      "😀",
      "{}",
    );
    const likely = constantFrom(
      `<tool_call>\n${CALL}\n</tool_call>`,
      `\n<tool_call>${CALL}</tool_call>\n`,
      "<tool_call>x</tool_call>",
    );
    assert(
      property(
        listOf(
          constantFrom(0, 1).chain((kind) => (kind === 0 ? part : likely)),
          { maxLength: 12 },
        ),
        splits,
        (parts, lengths) => {
          const text = parts.join("");
          expect(run(splitAt(text, lengths))).toEqual(parseWhole(text));
          expect(run(Array.from(text))).toEqual(parseWhole(text));
        },
      ),
      { numRuns: 3000, seed: 9 },
    );
  });

  it("lets text through as soon as it cannot be a call", () => {
    const parser = createToolCallParser();
    expect(flatten(parser.push("a\n<tool"))).toEqual(["a"]);
    expect(flatten(parser.push("s"))).toEqual(["\n<tools"]);
    expect(flatten(parser.push("\n\n"))).toEqual([]);
    expect(flatten(parser.push("b"))).toEqual(["\n\nb"]);
    expect(parser.end()).toEqual([]);
  });

  it("takes several calls and the text around them", () => {
    const text = `Let me see.\n<tool_call>\n${CALL}\n</tool_call>\n<tool_call>{"name": "g"}</tool_call>\n\nDone.\n`;
    expect(run([text])).toEqual([
      "Let me see.",
      { name: "f", arguments: '{"a":1}' },
      { name: "g", arguments: "{}" },
      "Done.\n",
    ]);
  });

  it.each([
    ["not JSON", "<tool_call>{name: f}</tool_call>"],
    ["no name", '\n<tool_call>{"arguments":{}}</tool_call>'],
    ["an empty name", '<tool_call>{"name":"","arguments":{}}</tool_call>'],
    ["arguments that are no object", '<tool_call>{"name":"f","arguments":[1]}</tool_call>'],
    ["an array", `<tool_call>[${CALL}]</tool_call>`],
    ["nesting beyond the stack", `<tool_call>{"name":"f","arguments":{"a":${"[".repeat(200_000)}</tool_call>`],
    ["no end", "a\n<tool_call>\n{"],
    ["no end and half of the closing tag", '<tool_call>{"name"</tool_c'],
  ])("gives back what is no call: %s", (_name, text) => {
    expect(run([text])).toEqual([text]);
  });

  it("accepts a call that lacks its closing tag, in whole or in part", () => {
    expect(run([`<tool_call>\n${CALL}`])).toEqual([{ name: "f", arguments: '{"a":1}' }]);
    expect(run([`<tool_call>\n${CALL}\n</tool_`])).toEqual([{ name: "f", arguments: '{"a":1}' }]);
  });

  it("keeps the digits of numbers", () => {
    const text = '<tool_call>{"name":"f","arguments":{"id":12345678901234567890,"n":[1.50,{"e":1e3}]}}</tool_call>';
    expect(run([text])).toEqual([{ name: "f", arguments: '{"id":12345678901234567890,"n":[1.50,{"e":1e3}]}' }]);
  });

  it("gives every call an id of its own", () => {
    const parser = createToolCallParser();
    const ids = parser
      .push(`<tool_call>${CALL}</tool_call>`.repeat(50))
      .map((piece) => (piece.type === "tool_call" ? piece.call.id : ""));
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^call_[0-9A-Za-z]{24}$/u);
  });
});
