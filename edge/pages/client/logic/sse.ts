/** A longer line is no event of ours: parsing stops before memory does. */
const MAX_LINE_CHARS = 1024 * 1024;

export type SentEvent = { data: string; id: string | undefined };

/**
 * Splits a server-sent event stream into its events' `data` and `id` (WHATWG HTML, "Parsing an event stream"): comments and other
 * fields are skipped, several data lines are joined by a newline, an event without its final blank line is dropped.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SentEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  let data: string[] = [];
  let id: string | undefined;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE_CHARS) throw new RangeError("A line of the event stream is too long.");
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { data: data.join("\n"), id };
          data = [];
          id = undefined;
        } else if (line.startsWith("id:")) {
          id = line.slice(line.startsWith("id: ") ? 4 : 3);
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
