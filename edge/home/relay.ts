import { PorchlightError } from "../../shared/errors.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";

/**
 * Ends a line that was cut off: JSON text cannot hold this character (CAN), so a reader knows to drop what is before it.
 */
export const CUT_OFF = "\u0018";

const encoder = new TextEncoder();

/**
 * The agent's bytes, not looked at, as a stream that takes from the tunnel only what its reader takes (so credit, and with it the
 * agent, waits for a slow client). A stream that is lost ends with one `error` event. A reader that leaves, or `signal`, resets the
 * stream: the agent stops at once.
 */
export function relayEvents(stream: ProtocolStream, signal: AbortSignal): ReadableStream<Uint8Array> {
  const cancel = (): void => stream.reset(new PorchlightError("cancelled").toWire());
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const incoming = stream.incoming[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        try {
          const result = await incoming.next();
          if (result.done) return close(controller);
          // A copy: frames of one message share a buffer, and a byte stream takes over the buffers it is given.
          controller.enqueue(result.value.slice());
        } catch (thrown) {
          const error = PorchlightError.from(thrown).toWire();
          controller.enqueue(encoder.encode(`${CUT_OFF}\n${JSON.stringify({ type: "error", error })}\n`));
          close(controller);
        }
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}

function close(controller: ReadableByteStreamController): void {
  controller.close();
  controller.byobRequest?.respond(0);
}
