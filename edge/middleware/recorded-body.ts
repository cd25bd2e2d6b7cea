import { concatBytes } from "../../shared/bytes.ts";

/**
 * `body`, unchanged, with a copy of it for `onEnd` if it is not larger than `limitBytes` (else undefined); its reader sees the end
 * only after `onEnd` has settled. `onLost` is called instead if the body fails, or its reader leaves.
 */
export function recordedBody(
  body: ReadableStream<Uint8Array>,
  limitBytes: number,
  hear: { onEnd(bytes: Uint8Array | undefined): Promise<void>; onLost(): void },
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let copied: Uint8Array[] | undefined = [];
  let length = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await reader.read().catch((error: unknown) => {
          hear.onLost();
          throw error;
        });
        if (done) {
          await hear.onEnd(copied && concatBytes(copied));
          return controller.close();
        }
        length += value.byteLength;
        if (length > limitBytes) copied = undefined;
        copied?.push(value.slice());
        controller.enqueue(value);
      },
      async cancel(reason) {
        hear.onLost();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
