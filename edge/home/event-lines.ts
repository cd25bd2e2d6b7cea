import { PorchlightError } from "../../shared/errors.ts";
import { type GenerateEvent, generateEventSchema } from "../../shared/inference/event.ts";
import { CUT_OFF } from "./relay.ts";

/** One event, at most: tool calls are the long ones. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/**
 * Reads the GenerateEvents of an NDJSON stream. Ends after `finish` or `error`; throws `agent_disconnected` when the stream ends
 * without either, and a TypeError that quotes nothing for a line that is no event. Leaving early cancels the stream, and so does `signal`.
 */
export async function* readEvents(
  bytes: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
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
        const event = parseEvent(line);
        yield event;
        if (event.type === "finish" || event.type === "error") {
          await drain(reader);
          return;
        }
      }
      if (rest.length > MAX_LINE_CHARACTERS) throw new RangeError("An event is longer than 4 MiB.");
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function parseEvent(line: string): GenerateEvent {
  try {
    return generateEventSchema.parse(JSON.parse(line));
  } catch {
    // Without the cause, which may quote the conversation: this error is logged.
    throw new TypeError("The agent sent a line that is no event.");
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
