import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { generateRequestSchema } from "../../shared/inference/request.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import { EventWriter } from "./event-writer.ts";
import { readRequest } from "./read-request.ts";
import { serveEmbed } from "./serve-embed.ts";

/** Answers a stream of any kind. Never rejects. */
export async function serve(stream: ProtocolStream, backend: InferenceBackend): Promise<void> {
  await { generate: serveGenerate, embed: serveEmbed }[stream.header.kind](stream, backend);
}

/**
 * Answers one `generate` stream: reads the request, runs it, writes its events, ends. RESET or loss aborts the backend at once.
 * Whatever is wrong becomes an `error` event. Never rejects.
 */
async function serveGenerate(stream: ProtocolStream, backend: InferenceBackend): Promise<void> {
  const writer = new EventWriter(stream);
  try {
    const request = await readRequest(stream, generateRequestSchema);
    for await (const event of backend.generate(request, stream.signal)) {
      await writer.write(event);
    }
    await writer.end();
  } catch (error) {
    await writeError(stream, writer, error);
  } finally {
    writer.drop();
  }
}

async function writeError(stream: ProtocolStream, writer: EventWriter, error: unknown): Promise<void> {
  if (stream.signal.aborted) {
    return;
  }
  try {
    await writer.write({ type: "error", error: PorchlightError.from(error).toWire() });
    await writer.end();
  } catch (cause) {
    // The stream was lost meanwhile, or failed on this side: then the peer must still learn that it is over.
    stream.reset(PorchlightError.from(cause).toWire());
  }
}
