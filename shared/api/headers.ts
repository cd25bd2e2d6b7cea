import type { Context, MiddlewareHandler } from "hono";
import { requestId } from "hono/request-id";
import { PorchlightError } from "../errors.ts";
import { dialectOf } from "./dialect.ts";
import { API_LIMITS } from "./limits.ts";

/** 128 characters: what a stream header of the tunnel takes. */
const withRequestId = requestId({ headerName: "x-request-id", limitLength: 128 });

/** Gives the request an id (the client's own, if it sent a sane one) unless an app further out has. */
export const identifyRequest: MiddlewareHandler = async (c, next) => {
  if (c.get("requestId") !== undefined) return await next();
  return await withRequestId(c, async () => {
    if (dialectOf(c) === "anthropic") c.header("request-id", c.get("requestId"));
    await next();
  });
};

/** Refuses requests whose headers are over the limit in all. */
export const limitHeaders: MiddlewareHandler = async (c, next) => {
  let bytes = 0;
  c.req.raw.headers.forEach((value, name) => {
    bytes += name.length + value.length + 4; // ": " and the line's end
  });
  if (bytes > API_LIMITS.headerBytes) throw new PorchlightError("headers_too_large");
  await next();
};

/** Anthropic's clients show their key here. */
const X_API_KEY = "x-api-key";

/** Whether the request shows a key, a readable one or not. */
export function showsApiKey(c: Context): boolean {
  return c.req.header("authorization") !== undefined || c.req.header(X_API_KEY) !== undefined;
}

/** The key of `x-api-key: KEY`, or of `Authorization: Bearer KEY` where there is none: Anthropic takes the first of both. */
export function apiKeyOf(c: Context): string | undefined {
  const key = c.req.header(X_API_KEY);
  if (key !== undefined) return /^[\x21-\x7e]{1,512}$/.exec(key.trim())?.[0];
  return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
}
