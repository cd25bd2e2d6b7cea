import type { Quantization } from "../../../shared/inference/model.ts";
import { loadTextTools } from "../../text/load.ts";
import { loadDecoder } from "../load.ts";
import { writeSelfTexts } from "./self-text.ts";

/** Tokens of a text that are seen together. */
const LENGTH = 256;
/** Tokens in all: several for each column of the widest layers of a small model; more change little. */
const TOKENS = 16_384;
/** Texts that the model writes at once. */
const SLOTS = 8;
/** Texts that the model writes to be compared with itself are other ones. */
const SEEDS = { calibrate: 1, compare: 10_001 } as const;

export interface SelfTextsOptions {
  path: string;
  /** What the model writes with. */
  quantization: Quantization;
  cacheDir: string;
  purpose: keyof typeof SEEDS;
  tokens?: number;
}

/** Token ids of texts that a model writes by itself. */
export async function selfWrittenTexts(options: SelfTextsOptions): Promise<number[][]> {
  const { path, quantization, cacheDir, purpose, tokens = TOKENS } = options;
  const tools = await loadTextTools(path);
  const decoder = await loadDecoder({ folder: path, quantization, cacheDir, slots: SLOTS, contextLength: LENGTH });
  try {
    const texts = Math.ceil(tokens / LENGTH);
    return await writeSelfTexts(decoder, tools, { texts, length: LENGTH, seed: SEEDS[purpose] });
  } finally {
    await decoder.dispose();
  }
}

/** Token ids of a text for a model's tokenizer, cut into pieces that are spread over it. */
export async function piecesOf(path: string, text: string): Promise<number[][]> {
  const { tokenizer } = await loadTextTools(path);
  const tokens = tokenizer.encode(text);
  const pieces = Math.ceil(tokens.length / LENGTH);
  const most = Math.ceil(TOKENS / LENGTH);
  const every = Math.max(1, pieces / most);
  return Array.from({ length: Math.min(pieces, most) }, (_, i) => {
    const start = Math.floor(i * every) * LENGTH;
    return tokens.slice(start, start + LENGTH);
  });
}
