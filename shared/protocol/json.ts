import type { z } from "zod";
import { ProtocolError } from "./protocol-error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `value` as JSON. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** The message that a frame's payload holds. Throws ProtocolError `not_utf8`, `bad_json` or `bad_message`. */
export function decodeJson<Schema extends z.ZodType>(payload: Uint8Array, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(parseJson(decodeText(payload)));
  if (!parsed.success) {
    throw new ProtocolError("bad_message", { cause: parsed.error });
  }
  return parsed.data;
}

function decodeText(payload: Uint8Array): string {
  try {
    return decoder.decode(payload);
  } catch (cause) {
    throw new ProtocolError("not_utf8", { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("bad_json", { cause });
  }
}
