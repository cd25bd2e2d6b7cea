import type { z } from "@hono/zod-openapi";
import { concatBytes } from "../bytes.ts";
import { PorchlightError } from "../errors.ts";
import { isDeeperThan } from "./json-depth.ts";
import { API_LIMITS } from "./limits.ts";
import { parseWith } from "./validation.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * The request's JSON body as the schema reads it: the only way a body enters. It is read, counted and parsed exactly once, so no
 * two parts of the program can understand it differently. Throws PorchlightError 400, 413 or 415. `optional`: no body is `{}`;
 * `anyType`: whatever the body is called, as where clients that send no type are at home. `limitBytes`: where another limit than
 * API_LIMITS' holds. Cookies are held to their origin elsewhere.
 */
export async function readJsonBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  options: { optional?: boolean; anyType?: boolean; limitBytes?: number } = {},
): Promise<z.output<Schema>> {
  const { limitBytes = API_LIMITS.bodyBytes } = options;
  if (options.optional === true && request.body === null) return parseWith(schema, {});
  if (options.anyType !== true) requireJsonType(request.headers.get("content-type"));
  const declaredBytes = Number(request.headers.get("content-length") ?? 0);
  if (declaredBytes > API_LIMITS.drainedBytes) throw tooLarge(limitBytes);
  const bytes = await readBytes(request, limitBytes);
  if (options.optional === true && bytes.length === 0) return parseWith(schema, {});
  if (isDeeperThan(bytes, API_LIMITS.jsonDepth)) {
    throw new PorchlightError(
      "json_too_deep",
      `The JSON body is nested more than ${API_LIMITS.jsonDepth} levels deep. Flatten it and try again.`,
    );
  }
  return parseWith(schema, parseJson(bytes));
}

function requireJsonType(contentType: string | null): void {
  if (!/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(contentType ?? "")) {
    throw new PorchlightError("unsupported_media_type");
  }
}

/** All bytes of a body of at most `limitBytes`. Throws PorchlightError `body_too_large`, or `invalid_request` if it breaks off. */
export async function readBytes(request: Pick<Request, "body">, limitBytes: number): Promise<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.byteLength;
      if (length > limitBytes) chunks = [];
      else chunks.push(chunk);
      if (length > API_LIMITS.drainedBytes) break; // Leaving the loop cancels the body.
    }
  } catch (cause) {
    // The sender broke off, or its chunks are not HTTP's: nothing of ours failed.
    throw new PorchlightError("invalid_request", "The body did not arrive whole. Send it again.", { cause });
  }
  if (length > limitBytes) throw tooLarge(limitBytes);
  return concatBytes(chunks);
}

function tooLarge(limitBytes: number): PorchlightError {
  return new PorchlightError(
    "body_too_large",
    `The body is larger than ${limitBytes >= 2 ** 20 ? `${limitBytes / 2 ** 20} MiB` : `${limitBytes / 1024} KiB`}. Shorten it and try again.`,
  );
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new PorchlightError("invalid_json", undefined, { cause });
  }
}
