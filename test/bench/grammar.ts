import { join } from "node:path";
import { GrammarAutomaton } from "../../node-agent/engine/grammar/automaton.ts";
import type { Grammar } from "../../node-agent/engine/grammar/grammar.ts";
import { jsonObjectGrammar, jsonSchemaGrammar } from "../../node-agent/engine/grammar/json/schema.ts";
import { createGrammarMatcher } from "../../node-agent/engine/grammar/matcher.ts";
import { createTokenMasks } from "../../node-agent/engine/grammar/token-masks.ts";
import { toolCallGrammar } from "../../node-agent/engine/grammar/tool-calls.ts";
import { createRandom } from "../../node-agent/engine/random.ts";
import { applyMask } from "../../node-agent/engine/sampler.ts";
import { loadTextTools } from "../../node-agent/text/load.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { quantile } from "./statistics.ts";

const PERSON = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 100 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    tags: { type: "array", items: { enum: ["a", "b"] } },
  },
  required: ["name", "age"],
};
const NOTE = '{"name": "Alice, who lives by the river", "age": 31, "tags": ["a", "b"]}';
const TEXT = "Let me see what the weather is like over there today, and then tell you. ";
const CASES: { name: string; make: () => Grammar; text: string }[] = [
  { name: "JSON mode", make: jsonObjectGrammar, text: NOTE },
  { name: "JSON Schema, a string of at most 100", make: () => jsonSchemaGrammar(PERSON), text: NOTE },
  {
    name: "a tool may be called",
    make: () => toolCallGrammar({ tools: [{ name: "save", parameters: PERSON }], isRequired: false, isParallel: true }),
    text: `${TEXT}<tool_call>\n{"name": "save", "arguments": ${NOTE}}\n</tool_call>`,
  },
];

interface Vocabulary {
  name: string;
  bytesOf: (id: number) => Uint8Array;
  size: number;
}

/** What a grammar costs: compiling it, and the mask of each token, cold and warm. */
export const grammar: Bench = {
  name: "grammar",
  summary: "what structured output costs: compiling a grammar, and the mask for each token",
  run: async ({ quick }): Promise<BenchResult> => {
    const { tokenizer } = await loadTextTools(join(import.meta.dirname, "../../node-agent/models/starter"));
    const vocabularies: Vocabulary[] = [
      { name: "4k", bytesOf: (id) => tokenizer.bytesOf(id), size: 4096 },
      { name: "128k", ...syntheticVocabulary(128_000) },
    ];
    const rows: (string | number)[][] = [];
    const figures: Record<string, number> = {};
    for (const vocabulary of vocabularies) {
      const stop = new Set<number>();
      const startMs = performance.now();
      const masks = createTokenMasks(vocabulary.size, vocabulary.bytesOf, stop);
      figures[`vocabulary${vocabulary.name}.arrange_ms`] = performance.now() - startMs;
      const logits = new Float32Array(vocabulary.size);
      for (const { name, make, text } of CASES) {
        const tokens = tokenize(text, vocabulary);
        const compileMs: number[] = [];
        const costs = { cold: [] as number[], warm: [] as number[], apply: [] as number[] };
        for (let round = 0; round < (quick ? 2 : 8); round++) {
          const beforeMs = performance.now();
          const automaton = new GrammarAutomaton(make());
          compileMs.push(performance.now() - beforeMs);
          for (const kind of ["cold", "warm"] as const) {
            const matcher = createGrammarMatcher(automaton, masks, vocabulary.bytesOf, stop);
            for (const token of tokens) {
              const from = performance.now();
              const mask = matcher.mask();
              matcher.accept(token);
              const masked = performance.now();
              applyMask(logits, mask);
              costs[kind].push((masked - from) * 1000);
              costs.apply.push((performance.now() - masked) * 1000);
            }
          }
        }
        const mean = (samples: readonly number[]): number =>
          samples.reduce((sum, one) => sum + one, 0) / samples.length;
        const found = [
          quantile(compileMs, 0.5),
          mean(costs.cold),
          quantile(costs.cold, 0.99),
          mean(costs.warm),
          quantile(costs.apply, 0.5),
        ];
        rows.push([name, vocabulary.name, ...found]);
        const key = `vocabulary${vocabulary.name}.${name.replaceAll(/\W+/gu, "_").toLowerCase()}`;
        for (const [i, unit] of ["compile_ms", "cold_us", "cold_p99_us", "warm_us", "apply_us"].entries()) {
          figures[`${key}.${unit}`] = found[i] ?? 0;
        }
      }
    }
    return {
      title: "Structured output: cost of compiling, and of each token",
      columns: ["form", "vocabulary", "compile ms", "cold us", "cold p99 us", "warm us", "apply us"],
      rows,
      figures,
      notes: [
        "cold: the mask and the step of each token when a grammar is used for the first time; warm: the second time.",
        "apply: taking the other tokens' logits away. 4k is the starter's vocabulary; 128k is made of random words.",
      ],
    };
  },
};

/** Longest token first: near enough to what a tokenizer does. */
function tokenize(text: string, { bytesOf, size }: Vocabulary): number[] {
  const byBytes = new Map<string, number>();
  for (let id = 0; id < size; id++) byBytes.set(Buffer.from(bytesOf(id)).toString("latin1"), id);
  const bytes = Buffer.from(text).toString("latin1");
  const tokens: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = Math.min(12, bytes.length - at);
    while (length > 1 && !byBytes.has(bytes.slice(at, at + length))) length--;
    tokens.push(byBytes.get(bytes.slice(at, at + length)) ?? 0);
    at += length;
  }
  return tokens;
}

/** Every byte, and words of one to ten letters: a sixth with punctuation, as byte-pair vocabularies have it. */
function syntheticVocabulary(size: number): Omit<Vocabulary, "name"> {
  const random = createRandom(1);
  const below = (n: number): number => Math.floor(random() * n);
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  while (tokens.length < size) {
    const word = Array.from({ length: 1 + below(10) }, () => String.fromCharCode(97 + below(26))).join("");
    const marks = ['"', '",', "\n", "<", ":", "\\", '" '];
    const mark = random() < 1 / 6 ? (marks[below(marks.length)] ?? "") : "";
    tokens.push(Buffer.from(`${random() < 0.5 ? " " : ""}${word}${mark}`));
  }
  return { size, bytesOf: (id) => tokens[id] ?? new Uint8Array() };
}
