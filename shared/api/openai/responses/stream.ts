import type { GenerateEvent } from "../../../inference/event.ts";
import { API_LIMITS } from "../../limits.ts";
import { eventStream } from "../../sse.ts";
import type { ResponseEncoder } from "./encoder.ts";

/**
 * An answer as server-sent events. `keep` is waited for before the client hears of the end: what it names next is there.
 * @param left aborted when the client has gone
 */
export function responseStream(
  events: AsyncIterable<GenerateEvent>,
  { encoder, keep, left }: { encoder: ResponseEncoder; keep: () => Promise<void>; left: AbortController },
): ReadableStream<Uint8Array> {
  return eventStream(encoded(events, encoder, keep), {
    encode: (text) => text,
    fail: (error) => encoder.fail(error),
    end: () => encoder.end(),
    keepAliveMs: API_LIMITS.keepAliveMs,
    onCancel: () => left.abort(),
  });
}

async function* encoded(
  events: AsyncIterable<GenerateEvent>,
  encoder: ResponseEncoder,
  keep: () => Promise<void>,
): AsyncGenerator<string> {
  if (encoder.response.background) yield encoder.queue();
  for await (const event of events) {
    const text = encoder.encode(event);
    if (event.type === "finish" || event.type === "error") await keep();
    yield text;
  }
}
