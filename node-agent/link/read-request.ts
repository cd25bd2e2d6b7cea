import type { z } from "zod";
import { isDeeperThan } from "../../shared/api/json-depth.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
/** Levels that the canonical form adds around what a client sent. */
const CANONICAL_LEVELS = 8;

/** The one request that a stream carries. Throws PorchlightError for what is none, or too large or too deep. */
export async function readRequest<Schema extends z.ZodType>(
  stream: ProtocolStream,
  schema: Schema,
): Promise<z.output<Schema>> {
  const bytes = await readBytes(stream);
  if (isDeeperThan(bytes, API_LIMITS.jsonDepth + CANONICAL_LEVELS)) throw new PorchlightError("json_too_deep");
  return parseWith(schema, parseJson(bytes));
}

/** All of the request's bytes. Leaving early lets the rest be discarded as it comes. */
async function readBytes(stream: ProtocolStream): Promise<Uint8Array> {
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

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new PorchlightError("invalid_json", undefined, { cause });
  }
}
