import type { Decoder } from "../engine/decoder.ts";

/** What of a decoder is needed to score a text. */
export type Scorer = Pick<Decoder, "vocabSize" | "evaluate">;

/** Logits that are held at once: 64 MiB. */
const LOGIT_ELEMENTS = 16 * 1024 * 1024;

/**
 * Losses (negative log likelihoods, in nats) of tokens [from, tokens.length) of a text, each after all that come before it; `from` is at
 * least 1. The text is put into `slot`.
 */
export async function tokenLosses(decoder: Scorer, tokens: readonly number[], from = 1, slot = 0): Promise<number[]> {
  const chunk = Math.max(1, Math.floor(LOGIT_ELEMENTS / decoder.vocabSize));
  const losses: number[] = [];
  for (let past = 0; past < tokens.length - 1; past += chunk) {
    const part = tokens.slice(past, Math.min(past + chunk, tokens.length - 1));
    const logits = await decoder.evaluate(slot, part, past);
    for (let i = Math.max(0, from - 1 - past); i < part.length; i++) {
      const row = logits.subarray(i * decoder.vocabSize, (i + 1) * decoder.vocabSize);
      losses.push(logSumExp(row) - (row[tokens[past + i + 1] ?? 0] ?? Number.NaN));
    }
  }
  return losses;
}

/** How a text that is longer than the context is cut. */
export interface Windows {
  /** Tokens that are seen together. */
  window: number;
  /** Tokens from one window's start to the next one's: after the first, only a window's last `stride` tokens count. */
  stride: number;
}

/**
 * Losses of all tokens of a text but the first, in windows that overlap: every token after the first window has at least
 * window - stride tokens before it.
 */
export async function windowedLosses(
  decoder: Scorer,
  tokens: readonly number[],
  { window, stride }: Windows,
  onProgress?: (fraction: number) => void,
): Promise<number[]> {
  const losses: number[] = [];
  for (let start = 0; ; start += stride) {
    const part = tokens.slice(start, start + window);
    // Tokens up to the end of the window before are known already.
    const known = start === 0 ? 1 : window - stride;
    for (const loss of await tokenLosses(decoder, part, known)) losses.push(loss);
    onProgress?.(Math.min(1, (start + window) / tokens.length));
    if (start + window >= tokens.length) return losses;
  }
}

/** exp of the mean loss. */
export function perplexityOf(losses: readonly number[]): number {
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
}

function logSumExp(values: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) max = Math.max(max, value);
  let sum = 0;
  for (const value of values) sum += Math.exp(value - max);
  return max + Math.log(sum);
}
