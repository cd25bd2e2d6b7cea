import { stat } from "node:fs/promises";
import { getLlama, type Llama, type LlamaContextSequence, LlamaLogLevel, type Token } from "node-llama-cpp";

/** A GGUF file in llama.cpp, on the CPU: what our own answers are held to. Use with `await using`. */
export interface LlamaModel extends AsyncDisposable {
  /** Size of the file. */
  readonly bytes: number;
  readonly vocabSize: number;
  /** Token ids of a text, in which control tokens are recognised. */
  tokenize(text: string): number[];
  /** Greedy tokens after a prompt, one at a time over the cache. */
  greedy(prompt: readonly number[], count: number): Promise<number[]>;
  /** Natural logarithms of the next token's probabilities after each of the tokens: rows of `vocabSize`. They are the logits less a number per row. */
  logProbabilities(tokens: readonly number[]): Promise<Float32Array>;
  /** Perplexity of the tokens, in windows that begin anew: of every token but the first of each. */
  perplexity(tokens: readonly number[], window: number): Promise<number>;
  dispose(): Promise<void>;
}

/** Tokens that are handed over at a time when every probability of each is wanted. */
const PIECE = 64;

let shared: Promise<Llama> | undefined;

/** llama.cpp itself, loaded at first use. It only says what is wrong. */
function llama(): Promise<Llama> {
  // "never": what is not in the package is not built from source.
  shared ??= getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  return shared;
}

/** Opens a GGUF file. Keys and values are kept in float32, as in our own cache, and one thread computes. */
export async function openLlama(path: string, contextLength: number): Promise<LlamaModel> {
  const model = await (await llama()).loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: contextLength,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const sequence = context.getSequence();
  const { size: bytes } = await stat(path);
  const vocabSize = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const dispose = () => model.dispose();
  const logProbabilities = async (tokens: readonly number[]) => {
    await sequence.clearHistory();
    return await scores(sequence, tokens, vocabSize);
  };
  return {
    bytes,
    vocabSize,
    tokenize: (text) => model.tokenize(text, true),
    logProbabilities,
    async greedy(prompt, count) {
      await sequence.clearHistory();
      const tokens: number[] = [];
      let next = prompt;
      while (tokens.length < count) {
        const token = await greedyToken(sequence, next);
        tokens.push(token);
        next = [token];
      }
      return tokens;
    },
    async perplexity(tokens, window) {
      let [loss, count] = [0, 0];
      for (let start = 0; start + 1 < tokens.length; start += window) {
        const piece = tokens.slice(start, start + window);
        const rows = await logProbabilities(piece);
        for (const [i, token] of piece.entries()) {
          if (i === 0) continue;
          loss -= rows[(i - 1) * vocabSize + token] ?? Number.NaN;
          count++;
        }
      }
      return Math.exp(loss / count);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/** The most probable token after `tokens`, which follow what the sequence holds. */
async function greedyToken(sequence: LlamaContextSequence, tokens: readonly number[]): Promise<number> {
  const last = tokens.at(-1) ?? 0;
  const generateNext = { token: true, options: { temperature: 0 } };
  const input = [...tokens.slice(0, -1).map(asToken), [asToken(last), { generateNext }] satisfies [Token, object]];
  const { next } = (await sequence.controlledEvaluate(input)).at(-1) ?? {};
  if (next?.token == null) throw new Error("llama.cpp chose no token.");
  return next.token;
}

async function scores(
  sequence: LlamaContextSequence,
  tokens: readonly number[],
  vocabSize: number,
): Promise<Float32Array> {
  const rows = new Float32Array(tokens.length * vocabSize).fill(Number.NEGATIVE_INFINITY);
  const generateNext = { probabilities: true, options: { temperature: 0 } };
  for (let start = 0; start < tokens.length; start += PIECE) {
    const piece = tokens.slice(start, start + PIECE);
    const outputs = await sequence.controlledEvaluate(piece.map((token) => [asToken(token), { generateNext }]));
    for (const [i, output] of outputs.entries()) {
      const probabilities = output?.next.probabilities;
      if (probabilities?.size !== vocabSize) throw new Error("llama.cpp gave no probability for every token.");
      for (const [token, probability] of probabilities) rows[(start + i) * vocabSize + token] = Math.log(probability);
    }
  }
  return rows;
}

/** The library brands its token ids. */
function asToken(id: number): Token {
  return id as Token;
}
