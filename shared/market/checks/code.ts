import { type Node, parse, type Program } from "acorn";
import { full, simple } from "acorn-walk";
import { type Finding, finding } from "../findings.ts";
import { instructionsIn } from "./text.ts";

/** The largest file that is read as code, with room for PDF.js in a bundle. */
const MOST_CODE_BYTES = 4 * 1024 * 1024;
/** What bounds the tree's memory, to some 80 MB, however densely a file is written; the library plugin with PDF.js has 750,000. */
const MOST_TOKENS = 1_000_000;
/** A string of the code this long, without a space, stands for something else. */
const PAYLOAD_CHARACTERS = 4_096;
const PAYLOAD = /^(?:[A-Za-z0-9+/_-]+={0,2}|(?:\\x[0-9a-f]{2})+)$/;
/** What obfuscators call things. */
const MANGLED = /^_0x[0-9a-f]{3,}$/;
const MOST_MANGLED = 5;
const ESCAPE = /\\x[0-9a-fA-F]{2}|\\u\{?[0-9a-fA-F]{2,4}\}?/g;
const MOST_ESCAPES = 200;
const HOST = /\bhttps?:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)/gi;

/** What a module says that a reader of the manifest should know. */
export interface CodeReading {
  findings: Finding[];
  /** What it imports, as it is written. */
  imports: { specifier: string; line: number }[];
  /** Every string in it, for what it names: hosts, secrets, tools. */
  strings: { value: string; line: number }[];
}

/** Reads a module as what it is. Nothing of it runs. */
export function readCode(path: string, source: string): CodeReading {
  const reading: CodeReading = { findings: [], imports: [], strings: [] };
  if (source.length > MOST_CODE_BYTES) {
    reading.findings.push(finding("code_large", path, 0, `${source.length} characters`));
    return reading;
  }
  let program: Program;
  let tokens = 0;
  try {
    // Without locations, which would double the tree: a line is counted where one is asked for.
    program = parse(source, {
      ecmaVersion: "latest",
      sourceType: "module",
      onToken: () => {
        tokens += 1;
        if (tokens > MOST_TOKENS) throw new RangeError("too many tokens");
      },
    });
  } catch (error) {
    const large = finding("code_large", path, 0, `more than ${MOST_TOKENS} tokens`);
    const unreadable = finding("code_unreadable", path, 0, error instanceof Error ? error.message : "");
    reading.findings.push(tokens > MOST_TOKENS ? large : unreadable);
    return reading;
  }
  walk(path, program, linesOf(source), reading);
  reading.findings.push(...obfuscation(path, source, program), ...payloads(path, reading));
  for (const { value, line } of reading.strings) {
    const words = instructionsIn(value);
    if (words !== undefined) reading.findings.push(finding("hidden_instructions", path, line, words));
  }
  return reading;
}

/** Hosts that a text names. */
export function hostsIn(text: string): string[] {
  return [...text.matchAll(HOST)].map(([, host = ""]) => host.toLowerCase());
}

function walk(
  path: string,
  program: Program,
  lineOf: (node: Node) => number,
  { findings, imports, strings }: CodeReading,
): void {
  const take = (source: Node | null | undefined): void => {
    if (source === null || source === undefined) return;
    const { value } = source as { value?: unknown }; // a Literal, or any expression of an import()
    if (typeof value === "string") imports.push({ specifier: value, line: lineOf(source) });
    else findings.push(finding("import_computed", path, lineOf(source)));
  };
  const dynamic = (node: Node, callee: Node, first?: Node): void => {
    const { type, name, property } = callee as { type: string; name?: string; property?: { name?: string } };
    const called = type === "MemberExpression" ? property?.name : name;
    const byText = first?.type === "Literal" && typeof (first as { value?: unknown }).value === "string";
    const makesCode = called === "eval" || called === "Function" || (called === "constructor" && byText);
    const timer = (called === "setTimeout" || called === "setInterval") && byText;
    if (makesCode || timer) findings.push(finding("dynamic_code", path, lineOf(node), `${called}(...)`));
  };
  simple(program, {
    ImportDeclaration: (node) => take(node.source),
    ExportNamedDeclaration: (node) => take(node.source),
    ExportAllDeclaration: (node) => take(node.source),
    ImportExpression: (node) => take(node.source),
    CallExpression: (node) => dynamic(node, node.callee, node.arguments[0]),
    NewExpression: (node) => dynamic(node, node.callee, node.arguments[0]),
    Literal: (node) => {
      if (typeof node.value === "string") strings.push({ value: node.value, line: lineOf(node) });
    },
    TemplateLiteral: (node) => {
      for (const { value } of node.quasis) strings.push({ value: value.cooked ?? value.raw, line: lineOf(node) });
    },
  });
}

/** Signs that somebody made the code hard to read on purpose. A bundler's short names are none. */
function obfuscation(path: string, source: string, program: Program): Finding[] {
  const mangled = new Set<string>();
  full(program, (node) => {
    // Also what is declared, which acorn-walk gives other names.
    const { type, name } = node as { type: string; name?: string };
    if (type === "Identifier" && name !== undefined && MANGLED.test(name)) mangled.add(name);
  });
  if (mangled.size >= MOST_MANGLED) return [finding("obfuscated", path, 0, [...mangled].slice(0, 5).join(", "))];
  const escaped = [...source.matchAll(ESCAPE)].filter(([text]) => isPrintable(text)).length;
  if (escaped > MOST_ESCAPES) return [finding("obfuscated", path, 0, `${escaped} plain letters written as escapes`)];
  const brackets = source.replace(/[^[\]()!+]/g, "").length;
  if (source.length > 1_000 && brackets > 0.8 * source.length)
    return [finding("obfuscated", path, 0, source.slice(0, 80))];
  return [];
}

/** Whether an escape stands for a letter or digit that could have been written. */
function isPrintable(escape: string): boolean {
  const code = Number.parseInt(escape.replace(/[^0-9a-fA-F]/g, ""), 16);
  return /[A-Za-z0-9]/.test(String.fromCodePoint(code));
}

function payloads(path: string, { strings }: CodeReading): Finding[] {
  return strings
    .filter(({ value }) => value.length >= PAYLOAD_CHARACTERS && PAYLOAD.test(value))
    .map(({ value, line }) => finding("encoded_payload", path, line, value.slice(0, 60)));
}

/** The line, from 1, that a node of this source begins on. */
function linesOf(source: string): (node: Node) => number {
  const ends = Array.from(source.matchAll(/\r\n?|[\n\u2028\u2029]/g), ({ index }) => index);
  return ({ start }) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? start) < start) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
