import type { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { type EmbedLine, embedLineSchema } from "../../shared/inference/embed-lines.ts";
import { type GenerateEvent, generateEventSchema } from "../../shared/inference/event.ts";
import { CUT_OFF } from "./relay.ts";

/** One event, at most: tool calls are the long ones. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

type Bytes = ReadableStream<Uint8Array>;

/** Reads the GenerateEvents of an NDJSON stream: see readLines. */
export const readEvents = (bytes: Bytes, signal: AbortSignal): AsyncGenerator<GenerateEvent> =>
  readLines(bytes, signal, generateEventSchema);

/** Reads the lines of embeddings: see readLines. */
export const readEmbedLines = (bytes: Bytes, signal: AbortSignal): AsyncGenerator<EmbedLine> =>
  readLines(bytes, signal, embedLineSchema);

/** What ends a stream of either kind. */
const LAST: readonly string[] = ["finish", "done", "error"];

/**
 * Reads the lines of an NDJSON stream. Ends after `finish`, `done` or `error`; throws `agent_disconnected` when the stream ends
 * without one, and `answer_unreadable` for a line that is no event. Leaving early cancels the stream, and so does `signal`.
 */
async function* readLines<Line extends { type: string }>(
  bytes: Bytes,
  signal: AbortSignal,
  schema: z.ZodType<Line>,
): AsyncGenerator<Line> {
  const reader = bytes.getReader();
  // Cancelling settles a read that waits, so this generator never hangs on an agent that has nothing more to say.
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  try {
    for (;;) {
      const value = await readBytes(reader);
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.endsWith(CUT_OFF)) continue;
        const event = parseLine(line, schema);
        yield event;
        if (LAST.includes(event.type)) {
          await drain(reader);
          return;
        }
      }
      if (rest.length > MAX_LINE_CHARACTERS) throw new PorchlightError("answer_unreadable");
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function parseLine<Line>(line: string, schema: z.ZodType<Line>): Line {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    // Without the cause, which may quote the conversation.
    throw new PorchlightError("answer_unreadable");
  }
}

/** Throws `agent_disconnected` at the end, which comes only after `finish` where all is well, or when the Home object is gone. */
async function readBytes(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const { value } = await reader.read().catch((cause: unknown) => {
    throw new PorchlightError("agent_disconnected", undefined, { cause });
  });
  if (value === undefined) throw new PorchlightError("agent_disconnected");
  return value;
}

/** Takes the end of the stream, which follows the last event at once: cancelling before it would look like a client that left. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let done = false;
  while (!done) done = (await reader.read().catch(() => ({ done: true }))).done; // The answer is whole, however this ends.
}
