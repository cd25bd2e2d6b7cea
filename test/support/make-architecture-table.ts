import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { slowModel } from "./model-slow.ts";
import { argmax, greedy, largestDifference } from "./model-starter.ts";
import { temporaryFolder } from "./model-temp.ts";
import { architectureOf, TINY_MODELS, type TinyModel, writeTinyModel } from "./model-tiny.ts";

/** Writes node-agent/model/ARCHITECTURES.md from a run: `node test/support/make-architecture-table.ts`. */
const TARGET = fileURLToPath(new URL("../../node-agent/model/ARCHITECTURES.md", import.meta.url));
const PROMPT = [3, 99, 17, 0, 42, 42, 7, 64, 8, 1, 77];
const STEPS = 64;

interface Measured {
  agreeing: number;
  /** Largest difference of a logit, and largest logit. */
  fp32: number;
  largest: number;
  int8: number;
  int4: number;
}

async function measure(model: TinyModel): Promise<Measured> {
  await using folder = await temporaryFolder();
  const weights = await writeTinyModel(folder.path, model);
  const load = (quantization: "fp32" | "int8" | "int4") =>
    loadDecoder({ folder: folder.path, quantization, cacheDir: folder.path, slots: 1, threads: 1 });
  const exact = await load("fp32");
  const generated = await greedy(exact, PROMPT, STEPS);
  const tokens = [...PROMPT, ...generated.slice(0, -1)];
  const expected = slowModel(model.config, weights, tokens).map((row) => Float32Array.from(row));
  const everywhere = Float32Array.from(expected.flatMap((row) => [...row]));
  const fp32 = largestDifference(await exact.evaluate(0, tokens), everywhere);
  await exact.dispose();
  const quantized = async (quantization: "int8" | "int4") => {
    const decoder = await load(quantization);
    const difference = largestDifference(await decoder.evaluate(0, tokens), everywhere);
    await decoder.dispose();
    return difference;
  };
  const agreeing = expected.slice(PROMPT.length - 1).filter((row, i) => argmax(row) === generated[i]).length;
  const largest = everywhere.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  return { agreeing, fp32, largest, int8: await quantized("int8"), int4: await quantized("int4") };
}

const lines = [];
for (const [name, model] of Object.entries(TINY_MODELS)) {
  const { agreeing, fp32, largest, int8, int4 } = await measure(model);
  const cells = [name, `\`${architectureOf(model)}\``, `${agreeing} of ${STEPS}`, largest.toFixed(1)];
  lines.push(`| ${[...cells, fp32.toExponential(1), int8.toFixed(2), int4.toFixed(2)].join(" | ")} |`);
}
await writeFile(
  TARGET,
  `# Architectures

One builder makes the graph of every decoder-only transformer (\`transformer.ts\`); a file in \`architectures/\` states how one differs from
a Llama. A model is one of these if the first entry of \`architectures\` in its config.json is in the table.

Each was run with tiny random weights, where nothing hides an error, written as a Hugging Face folder, and compared with a model that is
computed in the plainest way in float64 (\`test/support/model-slow.ts\`). "Greedy" counts equal tokens, chosen one at a time over the KV
cache after a prompt of ${PROMPT.length}; the differences are the largest of any logit at any position. Windows and caps are small enough to bite. The
tests allow 1e-4 at fp32. Rounding random weights to 8 and 4 bits shows that they load and stay near; what rounding costs a real model is
measured on the starter model. How the formats of files compare with llama.cpp is in [FORMATS.md](FORMATS.md).

| model | architecture | greedy | largest logit | difference, fp32 | int8 | int4 |
|---|---|---|---|---|---|---|
${lines.join("\n")}

Positions served: those of \`max_position_embeddings\`, at most 131072; with YaRN what it was stretched to. LongRoPE (Phi-3 of 128K,
Phi-4-mini) has one set of factors for texts within the original positions and one for longer ones; the context that a model is loaded with
decides, since keys in the cache cannot be turned again. Linear scaling is taken to be in \`max_position_embeddings\` already, unless
\`max_sequence_length\` says more. Dynamic NTK scaling serves \`factor\` times the trained positions: up to the trained length nothing
changes, and whenever a conversation has doubled beyond it, its keys are computed anew in the rotation of the next stage, so that all keys
of one conversation have one rotation (equal to the original without a cache, at the stage's length). \`--context N\` sets the context,
at most to what the model can take.

Mixtures of experts: those of Qwen3. Where shares of all experts are close, rounding can change which experts compute a token; that is the
larger part of what 8 and 4 bits differ there.

Not supported: other mixtures of experts, encoders, images (of a Gemma 3 that sees, the text part is loaded), norms over all
heads at once (OLMo 2), and heads of which the rotated part is no multiple of 16.

This file is written by \`node test/support/make-architecture-table.ts\`.
`,
);
