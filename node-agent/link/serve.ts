import { isDeeperThan } from "../../shared/api/json-depth.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { type GenerateRequest, generateRequestSchema } from "../../shared/inference/request.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import { EventWriter } from "./event-writer.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
/** Levels that the canonical form adds around what a client sent. */
const CANONICAL_LEVELS = 8;

/**
 * Answers one `generate` stream: reads the request, runs it, writes its events, ends. RESET or loss aborts the backend at once.
 * Whatever is wrong becomes an `error` event. Never rejects.
 */
export async function serveGenerate(stream: ProtocolStream, backend: InferenceBackend): Promise<void> {
  const writer = new EventWriter(stream);
  try {
    const request = parseRequest(await readRequest(stream));
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

/** All of the request's bytes. Leaving early lets the rest be discarded as it comes. */
async function readRequest(stream: ProtocolStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream.incoming) {
    bytes += piece.length;
    if (bytes > PROTOCOL_LIMITS.requestBytes) {
      throw new PorchlightError("body_too_large", "The request is larger than the home machine takes. Shorten it.");
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function parseRequest(bytes: Uint8Array): GenerateRequest {
  if (isDeeperThan(bytes, API_LIMITS.jsonDepth + CANONICAL_LEVELS)) {
    throw new PorchlightError("json_too_deep");
  }
  return parseWith(generateRequestSchema, parseJson(bytes));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new PorchlightError("invalid_json", undefined, { cause });
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
