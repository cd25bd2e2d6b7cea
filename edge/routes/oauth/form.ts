import type { Context } from "hono";
import type { z } from "zod";
import { readBytes } from "../../../shared/api/json-body.ts";
import { PorchlightError } from "../../../shared/errors.ts";

/** A form of some short fields; nobody honest sends more. */
const FORM_BYTES = 8 * 1024;

/** Errors of RFC 6749, section 5.2, RFC 8628, section 3.5, and RFC 8707. */
type OAuthCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "invalid_scope"
  | "invalid_target"
  | "unsupported_grant_type"
  | "authorization_pending"
  | "slow_down"
  | "access_denied"
  | "expired_token";

/** An OAuth client reads `error`, a person `error_description`. */
export function refuseGrant(c: Context, error: OAuthCode, description: string): Response {
  c.header("cache-control", "no-store");
  return c.json({ error, error_description: description }, 400);
}

/**
 * The fields of a form-encoded body, each at most once (RFC 6749, section 3.2). Answers a Response where a field is there twice, or a
 * page sent them. Throws PorchlightError `unsupported_media_type` or `body_too_large`.
 */
export async function readFields(c: Context): Promise<Record<string, string> | Response> {
  // Browsers always send Origin, and no page is a program of ours to let in.
  if (c.req.header("origin") !== undefined)
    return refuseGrant(c, "invalid_request", "Pages may not do that, only programs.");
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(c.req.header("content-type") ?? "")) {
    throw new PorchlightError("unsupported_media_type", "Send the body as application/x-www-form-urlencoded.");
  }
  const fields = new URLSearchParams(new TextDecoder().decode(await readBytes(c.req.raw, FORM_BYTES)));
  const names = [...fields.keys()];
  if (new Set(names).size < names.length) return refuseGrant(c, "invalid_request", "A parameter is there twice.");
  return Object.fromEntries(fields);
}

/** What `schema` makes of the fields; a Response where they are not what it takes. */
export function parseFields<Schema extends z.ZodType>(
  c: Context,
  fields: Record<string, string>,
  schema: Schema,
): z.output<Schema> | Response {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") ?? "";
  return refuseGrant(c, "invalid_request", `Invalid value for '${where.slice(0, 64)}'.`);
}

/** The fields of a machine's form. */
export async function readForm<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema> | Response> {
  const fields = await readFields(c);
  return fields instanceof Response ? fields : parseMachine(c, fields, schema);
}

/** A machine's rights come from this edge's records: none can ask for any. */
export function parseMachine<Schema extends z.ZodType>(
  c: Context,
  fields: Record<string, string>,
  schema: Schema,
): z.output<Schema> | Response {
  if ("scope" in fields) return refuseGrant(c, "invalid_scope", "Machines have no scopes.");
  return parseFields(c, fields, schema);
}
