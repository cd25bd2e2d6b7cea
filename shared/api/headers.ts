import type { Context, MiddlewareHandler } from "hono";
import { requestId } from "hono/request-id";
import { PorchlightError } from "../errors.ts";
import { API_LIMITS } from "./limits.ts";

/** 128 characters: what a stream header of the tunnel takes. */
const withRequestId = requestId({ headerName: "x-request-id", limitLength: 128 });

/** Gives the request an id (the client's own, if it sent a sane one) unless an app further out has. */
export const identifyRequest: MiddlewareHandler = async (c, next) => {
  if (c.get("requestId") !== undefined) return await next();
  return await withRequestId(c, next);
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

/** The token of `Authorization: Bearer TOKEN`, if there is one. */
export function bearerToken(c: Context): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
}
