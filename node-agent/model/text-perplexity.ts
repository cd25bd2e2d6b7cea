import { PorchlightError } from "../../shared/errors.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { loadTextTools } from "../text/load.ts";
import { loadDecoder } from "./load.ts";
import { perplexityOf, windowedLosses } from "./perplexity.ts";

/** Tokens that are seen together at most: the cache of a longer context takes memory, and little is learned from it. */
const LONGEST_WINDOW = 2048;

export interface TextPerplexity {
  perplexity: number;
  /** Tokens that were predicted: all of a text but the first. */
  tokens: number;
  window: number;
  stride: number;
  /** Time of the evaluation, without loading. */
  milliseconds: number;
}

export interface TextPerplexityOptions {
  path: string;
  quantization: Quantization;
  cacheDir: string;
  /** A text, or token ids of several, each of which is seen by itself. */
  text: string | readonly (readonly number[])[];
  threads?: number;
  onProgress?: (fraction: number) => void;
}

/**
 * Perplexity of a model on texts: exp of the mean loss of its tokens, in windows as long as the context (2048 tokens at most) that overlap by
 * half. The text is encoded as it is, without a token that begins it. Throws `invalid_request` for a text of less than two tokens,
 * and `model_load_failed`.
 */
export async function measureTextPerplexity(options: TextPerplexityOptions): Promise<TextPerplexity> {
  const { path, quantization, cacheDir, text, threads, onProgress } = options;
  const texts = typeof text === "string" ? [(await loadTextTools(path)).tokenizer.encode(text)] : text;
  if (texts.every((tokens) => tokens.length < 2))
    throw new PorchlightError("invalid_request", "The text has less than two tokens: give a longer one.");
  const decoder = await loadDecoder({
    folder: path,
    quantization,
    cacheDir,
    slots: 1,
    contextLength: LONGEST_WINDOW,
    ...(threads === undefined ? {} : { threads }),
  });
  const window = decoder.contextLength;
  const stride = Math.ceil(window / 2);
  try {
    const start = performance.now();
    const losses: number[] = [];
    for (const [i, tokens] of texts.entries()) {
      const found = await windowedLosses(decoder, tokens, { window, stride }, (fraction) =>
        onProgress?.((i + fraction) / texts.length),
      );
      for (const loss of found) losses.push(loss);
    }
    const milliseconds = performance.now() - start;
    return { perplexity: perplexityOf(losses), tokens: losses.length, window, stride, milliseconds };
  } finally {
    await decoder.dispose();
  }
}
