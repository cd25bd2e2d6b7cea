import * as fc from "fast-check";
import { mutated } from "./gguf-mutations.ts";

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const NUMBERS = ["-1", "0", "0.5", "1e308", "1e999", "-0", "9007199254740993", "1e21"];
/** Values that no writer puts there, as JSON text. */
const HOSTILE = [
  ...NUMBERS,
  "null",
  "true",
  '""',
  "[]",
  "{}",
  "[[]]",
  `"${"a".repeat(100_000)}"`,
  '"\\ud800"',
  '"\\u0000"',
  '"../outside"',
  '"../outside.safetensors"',
  '"/etc/hostname"',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":1,"toString":2}',
  `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
  `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
  `[${"0,".repeat(50_000)}0]`,
  '"<|end|>"',
];

/** What takes for ever or cannot be compiled, where a regular expression or a template is expected. */
const PROGRAMS = [
  "(a+)+$",
  "(?:a|a)*b",
  "(a*)*c",
  "\\\\p{Nothing}",
  "(",
  "(?<n>a)(?<n>b)",
  "(?i:a)",
  "",
  "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
  "{{ messages[0].content",
  "{{ [].constructor.constructor('return process')() }}",
  "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
].map((text) => JSON.stringify(text));

const NAMES = ["__proto__", "constructor", "toString", "", "length", "type"];

interface Change {
  /** Which of all places in the value, modulo their number. */
  place: number;
  kind: "replace" | "remove" | "rename" | "repeat" | "swap";
  text: string;
  name: string;
  other: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  place: fc.nat(),
  kind: fc.constantFrom("replace", "replace", "replace", "remove", "rename", "repeat", "swap"),
  text: fc.constantFrom(...HOSTILE, ...PROGRAMS),
  name: fc.constantFrom(...NAMES),
  other: fc.nat(),
});

/** Stands in the text where a hostile value goes: some of them are no values that JavaScript could hold. */
const MARK = "\u{f8ff}hole ";

/** A JSON value of which some places are made hostile, as the bytes of a file; now and then also the text itself is damaged. */
export function hostileJson(seed: Json): fc.Arbitrary<Uint8Array> {
  const structured = fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => encode(seed, changes));
  const text = mutated(new TextEncoder().encode(JSON.stringify(seed)));
  return fc.oneof({ weight: 5, arbitrary: structured }, { weight: 1, arbitrary: text });
}

function encode(seed: Json, changes: readonly Change[]): Uint8Array {
  const root = { value: structuredClone(seed) };
  for (const each of changes) apply(root, each);
  let text = JSON.stringify(root.value);
  for (const { text: hostile } of changes) text = text.replaceAll(JSON.stringify(MARK + hostile), () => hostile);
  return new TextEncoder().encode(text);
}

interface Place {
  holder: Json[] | { [key: string]: Json };
  key: string;
}

function placesOf(value: Json): Place[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...placesOf(inner)]);
}

function apply(root: { value: Json }, { place, kind, text, name, other }: Change): void {
  const places = placesOf(root);
  const found = places[place % places.length];
  if (found === undefined) return;
  const value = get(found);
  if (kind === "replace") set(found, MARK + text);
  else if (kind === "swap") set(found, structuredClone(get(places[other % places.length] ?? found)));
  else if (Array.isArray(found.holder)) {
    found.holder.splice(Number(found.key), 1, ...(kind === "repeat" ? [value, structuredClone(value)] : []));
  } else if (found.holder !== root) {
    delete found.holder[found.key];
    if (kind !== "remove") set({ holder: found.holder, key: name }, value);
  }
}

function get({ holder, key }: Place): Json {
  return (Array.isArray(holder) ? holder[Number(key)] : holder[key]) ?? null;
}

function set({ holder, key }: Place, value: Json): void {
  // As JSON.parse does: a key __proto__ is a key like another.
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}
