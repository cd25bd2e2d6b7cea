import { z } from "zod";

const NEWLINE = 0x0a;
/** Lines that tell of usage are short; longer ones are text and need not be read. */
const MAX_READ_BYTES = 2048;
/** `{"type":"text","text":""}`. */
const TEXT_LINE_BYTES = 25;
/** The usual rule of thumb, for answers that were cut off before the agent said how many there were. */
const BYTES_PER_TOKEN = 4;

const usageSchema = z.object({
  promptTokens: z.number().int().nonnegative(),
  completionTokens: z.number().int().nonnegative().default(0),
  cachedTokens: z.number().int().nonnegative().default(0),
  countOnly: z.boolean().default(false),
});
const typeSchema = z.object({ type: z.string() });

const decoder = new TextDecoder();

/** Tokens that so many bytes of text are, roughly. */
export function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/**
 * Reads along with an agent's answer, NDJSON in pieces of any size: what the agent says it used, or an estimate of what has passed
 * if that never comes. A client that leaves just before the end thus pays for what it got.
 */
export class AnswerMeter {
  #usage: z.infer<typeof usageSchema> | undefined;
  #failed = false;
  #ended = false;
  #estimate = 0;
  #line: Uint8Array[] = [];
  #lineBytes = 0;

  read(bytes: Uint8Array): void {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#append(bytes.subarray(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#append(bytes.subarray(start));
  }

  /** Whether the answer's last line has come: whoever hangs up after it has missed nothing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @param promptTokens estimate of the prompt, for an answer that did not say */
  result(promptTokens: number): {
    promptTokens: number;
    completionTokens: number;
    cachedTokens: number;
    failed: boolean;
  } {
    if (this.#usage) {
      const { countOnly, ...used } = this.#usage;
      return {
        ...(countOnly ? { promptTokens: 0, completionTokens: 0, cachedTokens: 0 } : used),
        failed: this.#failed,
      };
    }
    // What the agent itself refused or broke off costs what was delivered.
    const prompt = this.#failed && this.#estimate === 0 ? 0 : promptTokens;
    return { promptTokens: prompt, completionTokens: this.#estimate, cachedTokens: 0, failed: this.#failed };
  }

  #append(bytes: Uint8Array): void {
    // Copied: the caller's buffer may be handed on.
    if (bytes.length > 0 && this.#lineBytes + bytes.length <= MAX_READ_BYTES) this.#line.push(bytes.slice());
    this.#lineBytes += bytes.length;
  }

  #endLine(): void {
    const length = this.#lineBytes;
    const text = length <= MAX_READ_BYTES ? this.#line.map((piece) => decoder.decode(piece)).join("") : "";
    this.#line = [];
    this.#lineBytes = 0;
    if (length === 0) return;
    if (text === "" || /^\{"type":"(?:text|reasoning|tool_call)"/.test(text)) {
      this.#estimate += Math.max(1, estimateTokens(length - TEXT_LINE_BYTES));
      return;
    }
    this.#note(text);
  }

  #note(text: string): void {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      return; // What is no line of an answer is the reader's to refuse.
    }
    const type = typeSchema.safeParse(line).data?.type;
    if (type === "error") this.#failed = true;
    if (type === "finish" || type === "done" || type === "error") this.#ended = true;
    if (type === "usage" || type === "done") this.#usage = usageSchema.safeParse(line).data ?? this.#usage;
  }
}
