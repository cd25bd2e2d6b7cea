import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { TENSOR_TYPES, type TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import {
  compareWithLlama,
  type ComparedFormat,
  type Comparison,
  STEPS,
  toleranceOf,
} from "../support/llama-cpp-compare.ts";
import { COMPARED_MODELS } from "../support/llama-cpp-models.ts";
import { compareStarter, starterPrompts, type StarterRow } from "../support/llama-cpp-starter.ts";

/**
 * Runs every architecture in every format here and in llama.cpp, and the starter in three types, and writes node-agent/model/FORMATS.md
 * from what it finds: `node test/campaign/llama-cpp.ts` (about ten minutes). Its exit code is 1 if anything is beyond its tolerance.
 */
const TARGET = fileURLToPath(new URL("../../node-agent/model/FORMATS.md", import.meta.url));

const FLOATS = ["F32", "F16", "BF16"] as const;
// Object.keys loses the key type.
const QUANTISED = (Object.keys(TENSOR_TYPES) as TensorTypeName[]).filter((type) => !/^B?F\d+$/u.test(type));
const EXACT: ComparedFormat[] = [
  ...FLOATS.map((safetensors) => ({ safetensors })),
  ...FLOATS.map((gguf) => ({ gguf })),
];
const ROUNDED: ComparedFormat[] = QUANTISED.map((gguf) => ({ gguf }));

const failures: string[] = [];

function nameOf(format: ComparedFormat): string {
  return "gguf" in format ? format.gguf : `safetensors ${format.safetensors}`;
}

async function cell(model: string, format: ComparedFormat): Promise<string> {
  const tiny = COMPARED_MODELS.get(model);
  if (tiny === undefined) throw new Error(`There is no model ${model}.`);
  const found = await compareWithLlama(tiny, format);
  const tolerance = toleranceOf(format, tiny);
  if (!(found.difference < tolerance && found.preference < tolerance)) failures.push(`${model}, ${nameOf(format)}`);
  console.log(`${model}, ${nameOf(format)}: ${describe(found)}`);
  return `${found.agreeing}, ${short(found.difference)}`;
}

function describe({ agreeing, preference, difference }: Comparison): string {
  return `${agreeing} of ${STEPS} tokens, logits within ${short(difference)}, where tokens differ within ${short(preference)}`;
}

function short(value: number): string {
  return value < 0.01 ? value.toExponential(0) : value.toFixed(2);
}

async function table(formats: readonly ComparedFormat[]): Promise<string> {
  const rows = [];
  for (const model of COMPARED_MODELS.keys()) {
    const cells = [];
    for (const format of formats) cells.push(await cell(model, format));
    rows.push(`| ${[model, ...cells].join(" | ")} |`);
  }
  const head = `| model | ${formats.map(nameOf).join(" | ")} |\n|${"---|".repeat(formats.length + 1)}`;
  return `${head}\n${rows.join("\n")}`;
}

function starterLine(row: StarterRow): string {
  const losses = [row.perplexity, row.llamaPerplexity].map((value) => value.toFixed(4));
  const counts = [`${row.agreeing} of ${row.tokens}`, `${row.tokenised} of ${row.documents}`];
  return `| ${[row.type, (row.bytes / 1e6).toFixed(1), row.quantization, ...losses, ...counts].join(" | ")} |`;
}

/** Exact weights answer alike; where we round activations too, answers may turn at a tie and perplexity moves a little. */
function starterHolds({ quantization, perplexity, llamaPerplexity, agreeing, tokens, ...row }: StarterRow): boolean {
  const apart = Math.abs(perplexity / llamaPerplexity - 1);
  const near = quantization === "fp32" ? agreeing === tokens && apart < 0.001 : apart < 0.005;
  return near && row.tokenised === row.documents;
}

const exact = await table(EXACT);
const rounded = await table(ROUNDED);
const starter = await compareStarter();
for (const row of starter) {
  console.log(starterLine(row));
  if (!starterHolds(row)) failures.push(`the starter, ${row.type} as ${row.quantization}`);
}

await writeFile(
  TARGET,
  `# Formats

Every architecture in every format, here and in llama.cpp: models with random weights (rows of 256, three to seven layers, 101 tokens),
written by \`test/support/gguf-tiny.ts\` and \`model-tiny.ts\`. Both sides get the same numbers as weights: a safetensors folder is
compared with a GGUF file of the same format, every GGUF file with itself.

In a cell: at how many of ${STEPS} steps of our greedy answer llama.cpp chooses the same token, and the largest difference of a
log-probability of any token after any part of the text (logits, less what shifts a whole row). Logits spread over about ±5.

We decode weights to float32 here and compute in it. llama.cpp rounds what a matrix is multiplied with: to half precision beside F16, to
bfloat16 beside BF16, and to 8 bits with one scale per 32 or 256 numbers beside the quantised types. So the tolerance is 1e-4 for F32 (0.01 for
Gemma, whose activation function llama.cpp takes from a table in half precision), 0.02 for F16, 0.15 for BF16 and 0.5 for the others;
and tokens may differ only where our logits of the two are nearer than that. Of a mixture of experts, rounding makes some tokens take
other experts, whose logits are far away (up to 4 is let pass); with all experts taken it is a model like the others. One wrong constant (a rope base of 4000 for 5000) is beyond
0.1 in F32.

${exact}

${rounded}

llama.cpp has no window for Qwen 2, Mistral and Phi-3, so that models with one are compared with the slow model only (see
ARCHITECTURES.md).

## The starter

Written as GGUF with tokenizer and chat template (\`test/support/gguf-starter.ts\`; Q4_0 with its embedding in Q8_0), then loaded by both.
fp32 holds each weight as the file has it. int4 carries the blocks of Q4_0 over bit for bit. Perplexity is that of the starter's held-out
tokens, each document alone. Greedy tokens are those of ${(await starterPrompts()).length} answers, counted up to the first that differs. The last column: held-out texts that
both tokenizers cut alike.

| type | MB | loaded as | perplexity | in llama.cpp | greedy tokens equal | texts |
|---|---|---|---|---|---|---|
${starter.map(starterLine).join("\n")}

This file is written by \`node test/campaign/llama-cpp.ts\`.
`,
);
if (failures.length > 0) {
  console.error(`Beyond the tolerance:\n${failures.join("\n")}`);
  process.exitCode = 1;
}
