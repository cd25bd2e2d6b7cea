import { setImmediate as nextTurn } from "node:timers/promises";
import { PorchlightError } from "../../shared/errors.ts";
import { EMBED_LIMITS, type EmbedRequest, type EmbedResult } from "../../shared/inference/embed.ts";
import type { EmbeddingTokenizer } from "../text/embedding-tokenizer.ts";
import { batchByLength } from "./embed-batches.ts";
import type { Embedder } from "./embedder.ts";
import { normalize } from "./unit-vector.ts";

/** A model for embeddings with what turns a request's texts into its tokens. */
export interface EmbeddingModel {
  embedder: Embedder;
  tokenizer: EmbeddingTokenizer;
  /** What the model wants before a text, for each purpose and without one. */
  prompts: { query: string; document: string; default: string };
}

/** One loaded model: canonical requests in, vectors out. */
export interface EmbedRunner {
  /** As InferenceBackend.embed. Requests take turns, a batch each. */
  embed(request: EmbedRequest, signal: AbortSignal): Promise<EmbedResult>;
}

/** Texts that are tokenized before other messages, such as a cancellation, are looked at. */
const TEXTS_PER_TURN = 32;

export function createEmbedRunner({ embedder, tokenizer, prompts }: EmbeddingModel): EmbedRunner {
  let last: Promise<unknown> = Promise.resolve();
  /** Runs a batch after those that wait already. */
  const inTurn = (texts: number[][]): Promise<Float32Array[]> => {
    const run = last.then(() => embedder.embed(texts));
    last = run.catch(() => undefined); // Whoever asked for that batch has its error.
    return run;
  };

  /** The tokens of every input, those that begin and end a text included. */
  async function tokenize({ inputs, purpose, truncate }: EmbedRequest, signal: AbortSignal): Promise<number[][]> {
    const prompt = prompts[purpose ?? "default"];
    const texts: number[][] = [];
    for (const [i, input] of inputs.entries()) {
      if (i % TEXTS_PER_TURN === 0) await turn(signal);
      const content = typeof input === "string" ? tokenizer.encode(prompt + input) : checkIds(input, i);
      const room = embedder.maxTokens - tokenizer.begin.length - tokenizer.end.length;
      if (content.length > room && !truncate) {
        const count = content.length + embedder.maxTokens - room;
        throw new PorchlightError(
          "context_length_exceeded",
          `Input ${i} has ${count} tokens, the model takes ${embedder.maxTokens}. Split it into shorter texts.`,
          { param: `input[${i}]` },
        );
      }
      const tokens = [...tokenizer.begin, ...content.slice(0, room), ...tokenizer.end];
      if (tokens.length === 0)
        throw invalid(`input[${i}]`, `Input ${i} is empty, and this model has no vector for that.`);
      texts.push(tokens);
    }
    return texts;
  }

  /** The native kernels trust their indices. */
  function checkIds(ids: readonly number[], index: number): readonly number[] {
    const bad = ids.find((id) => id >= tokenizer.vocabSize);
    if (bad === undefined) return ids;
    throw invalid(
      `input[${index}]`,
      `${bad} is not a token of this model, which has ${tokenizer.vocabSize}. Send text.`,
    );
  }

  return {
    embed: async (request, signal) => {
      const dimensions = request.dimensions ?? embedder.dimensions;
      if (dimensions > embedder.dimensions) {
        throw invalid("dimensions", `The model's vectors have ${embedder.dimensions} dimensions. Ask for no more.`);
      }
      const most = Math.floor(EMBED_LIMITS.resultFloats / dimensions);
      if (request.inputs.length > most) {
        throw invalid("input", `One request takes ${most} texts of ${dimensions} dimensions each. Send several.`);
      }
      const texts = await tokenize(request, signal);
      const lengths = texts.map((tokens) => tokens.length);
      const vectors: Float32Array[] = [];
      const batches = embedder.batches ? batchByLength(lengths) : [...texts.keys()].map((i) => [i]);
      for (const batch of batches) {
        await turn(signal);
        const found = await inTurn(batch.map((i) => texts[i] ?? []));
        for (const [row, i] of batch.entries()) vectors[i] = shorten(found[row] ?? new Float32Array(), dimensions);
      }
      return { vectors, promptTokens: lengths.reduce((sum, length) => sum + length, 0) };
    },
  };
}

/** Lets messages in, and ends what nobody waits for any more. */
async function turn(signal: AbortSignal): Promise<void> {
  await nextTurn();
  if (signal.aborted) throw new PorchlightError("cancelled");
}

function invalid(param: string, message: string): PorchlightError {
  return new PorchlightError("invalid_request", message, { param });
}

/** The first components of a vector, of length 1 again. */
function shorten(vector: Float32Array, dimensions: number): Float32Array {
  return dimensions === vector.length ? vector : normalize(vector.slice(0, dimensions));
}
