import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { embedRequestSchema } from "../../shared/inference/embed.ts";
import { type EmbedLine, embedLines } from "../../shared/inference/embed-lines.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import { readRequest } from "./read-request.ts";

const encoder = new TextEncoder();

/**
 * Answers one `embed` stream: reads the request, runs it, writes its lines, ends. RESET or loss aborts the backend at once. Whatever is
 * wrong becomes an `error` line. Never rejects.
 */
export async function serveEmbed(stream: ProtocolStream, backend: InferenceBackend): Promise<void> {
  const write = (line: EmbedLine): Promise<void> => stream.write(encoder.encode(`${JSON.stringify(line)}\n`));
  try {
    try {
      const request = await readRequest(stream, embedRequestSchema);
      const result = await backend.embed(request, stream.signal);
      for (const line of embedLines(result)) await write(line);
    } catch (error) {
      if (stream.signal.aborted) return;
      await write({ type: "error", error: PorchlightError.from(error).toWire() });
    }
    stream.end();
  } catch (cause) {
    // The stream was lost meanwhile, or failed on this side: then the peer must still learn that it is over.
    stream.reset(PorchlightError.from(cause).toWire());
  }
}
