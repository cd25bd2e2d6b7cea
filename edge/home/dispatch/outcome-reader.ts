import { z } from "zod";
import { wireErrorSchema } from "../../../shared/errors.ts";
import type { Outcome } from "./dispatcher.ts";

/** The last lines of an answer, usage and end, are within this. */
const TAIL_BYTES = 2048;
const OUTPUT = /"type":"(?:text|tool_call|reasoning)"/;

const count = z.number().int().nonnegative();
const lastLineSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("usage"), promptTokens: count, completionTokens: count, cachedTokens: count.default(0) }),
  z.object({ type: z.literal("error"), error: wireErrorSchema }),
]);

const decoder = new TextDecoder();

/**
 * Reads along with an answer for what dispatch learns from: when its first piece came, what it used, how it ended. It looks at the
 * beginning and the end alone.
 */
export class OutcomeReader {
  readonly #now: () => number;
  #firstMs: number | undefined;
  #tail = new Uint8Array(0);

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  read(bytes: Uint8Array): void {
    if (this.#firstMs === undefined && OUTPUT.test(decoder.decode(bytes))) this.#firstMs = this.#now();
    const tail = new Uint8Array(Math.min(TAIL_BYTES, this.#tail.length + bytes.length));
    const kept = Math.max(0, tail.length - bytes.length);
    tail.set(this.#tail.subarray(this.#tail.length - kept));
    tail.set(bytes.subarray(Math.max(0, bytes.length - tail.length)), kept);
    this.#tail = tail;
  }

  /** @param lost the answer did not come to its end */
  outcome(lost: boolean): Outcome {
    const lines = decoder.decode(this.#tail).split("\n");
    const ends = lines.flatMap((line) => lastLine(line));
    const usage = ends.find((line) => line.type === "usage");
    const error = ends.find((line) => line.type === "error");
    const failure = error?.error.code ?? (lost ? "agent_disconnected" : undefined);
    return { firstMs: this.#firstMs, usage, failure };
  }
}

/** A line that tells how the answer ended, if it is one. */
function lastLine(text: string): z.infer<typeof lastLineSchema>[] {
  if (!text.startsWith('{"type":"usage"') && !text.startsWith('{"type":"error"')) return [];
  try {
    const parsed = lastLineSchema.safeParse(JSON.parse(text));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return []; // cut off: an answer that was lost
  }
}
