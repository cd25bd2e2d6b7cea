import { z } from "zod";
import { floatsFromBase64, floatsToBase64 } from "../base64.ts";
import { PorchlightError, wireErrorSchema } from "../errors.ts";
import { EMBED_LIMITS, type EmbedResult } from "./embed.ts";

/** Numbers of one line: 64 KiB as base64, so that a reader holds little at a time. */
const LINE_FLOATS = 12 * 1024;

/** What the answer of an embedding is made of between agent and edge: any number of `vectors`, then one `done` or `error`. */
export const embedLineSchema = z.discriminatedUnion("type", [
  /** The next numbers of all vectors, one vector after the other. */
  z.object({
    type: z.literal("vectors"),
    values: z
      .string()
      .min(1)
      .max(256 * 1024),
  }),
  z.object({
    type: z.literal("done"),
    dimensions: z.number().int().positive().max(EMBED_LIMITS.resultFloats),
    promptTokens: z.number().int().nonnegative(),
  }),
  z.object({ type: z.literal("error"), error: wireErrorSchema }),
]);
export type EmbedLine = z.infer<typeof embedLineSchema>;

/** An answer as its lines. */
export function* embedLines({ vectors, promptTokens }: EmbedResult): Generator<EmbedLine> {
  const dimensions = vectors[0]?.length ?? 0;
  const all = new Float32Array(vectors.length * dimensions);
  for (const [i, vector] of vectors.entries()) all.set(vector, i * dimensions);
  for (let first = 0; first < all.length; first += LINE_FLOATS) {
    yield { type: "vectors", values: floatsToBase64(all.subarray(first, first + LINE_FLOATS)) };
  }
  yield { type: "done", dimensions, promptTokens };
}

/**
 * Puts an answer together. Throws the PorchlightError of an `error` line, and `answer_unreadable` for lines that are no answer for `inputs`
 * texts.
 */
export async function collectEmbedLines(lines: AsyncIterable<EmbedLine>, inputs: number): Promise<EmbedResult> {
  const pieces: Float32Array[] = [];
  let length = 0;
  for await (const line of lines) {
    if (line.type === "error") throw PorchlightError.fromWire(line.error);
    if (line.type === "vectors") {
      const piece = floatsFromBase64(line.values);
      length += piece.length;
      if (length > EMBED_LIMITS.resultFloats) throw new PorchlightError("answer_unreadable");
      pieces.push(piece);
      continue;
    }
    if (length !== inputs * line.dimensions) throw new PorchlightError("answer_unreadable");
    return { vectors: split(pieces, line.dimensions, length), promptTokens: line.promptTokens };
  }
  throw new PorchlightError("answer_unreadable");
}

function split(pieces: readonly Float32Array[], dimensions: number, length: number): Float32Array[] {
  const all = new Float32Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return Array.from({ length: length / dimensions }, (_, i) => all.subarray(i * dimensions, (i + 1) * dimensions));
}
