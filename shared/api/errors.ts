import type { Context, ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "@hono/zod-openapi";
import { type ErrorCode, PorchlightError } from "../errors.ts";
import { anthropicError } from "./anthropic/errors.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { ollamaError } from "./ollama/errors.ts";

/** OpenAI's error object: what every JSON route of this project answers when it fails, unless it is of another dialect. */
export const errorBodySchema = z
  .object({
    error: z.object({
      message: z.string().openapi({ description: "What happened, and the way out." }),
      type: z.string().openapi({ description: "Kind of error, by HTTP status." }),
      param: z.string().nullable().openapi({ description: "The field that is wrong, if one is." }),
      code: z.string().openapi({ description: "Stable name of the error, for programs." }),
    }),
  })
  .openapi("Error", {
    example: {
      error: {
        message: "No home machine of this account is online. Start it with 'porchlight up' and try again.",
        type: "server_error",
        param: null,
        code: "agent_offline",
      },
    },
  });
export type ErrorBody = z.infer<typeof errorBodySchema>;

type Status = PorchlightError["status"];

const TYPES: Partial<Record<Status, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

export function errorBody(error: PorchlightError): ErrorBody {
  const type = TYPES[error.status] ?? (error.status >= 500 ? "server_error" : "invalid_request_error");
  return { error: { message: error.message, type, param: error.param ?? null, code: error.code } };
}

const BODIES: Record<Dialect, (error: PorchlightError, c: Context) => object> = {
  openai: errorBody,
  ollama: ollamaError,
  anthropic: (error, c) => anthropicError(error, c.get("requestId")),
};

/** `error` as an HTTP response in the shape of the client's dialect; OpenAI's where no dialect is at home. */
export function errorResponse(c: Context, error: PorchlightError): Response {
  if (error.retryAfterMs !== undefined) c.header("retry-after", String(Math.ceil(error.retryAfterMs / 1000)));
  if (error.status === 401) c.header("www-authenticate", 'Bearer realm="porchlight"');
  return c.json(BODIES[dialectOf(c)](error, c), error.status);
}

/** Any thrown value as ours. Hono's own exceptions keep their meaning, never their text. */
export function toPorchlightError(thrown: unknown): PorchlightError {
  if (!(thrown instanceof HTTPException)) return PorchlightError.from(thrown);
  const codes: Partial<Record<number, ErrorCode>> = { 400: "invalid_request", 413: "body_too_large", 404: "not_found" };
  return new PorchlightError(codes[thrown.status] ?? "internal", undefined, { cause: thrown });
}

/** The one onError of an API app: what a client may know goes out, what broke goes to the log. */
export const onApiError: ErrorHandler = (thrown, c) => {
  const error = toPorchlightError(thrown);
  logUnexpected(error, c);
  return errorResponse(c, error);
};

export const onApiNotFound: NotFoundHandler = (c) => errorResponse(c, new PorchlightError("not_found"));

/** `internal` hides its cause from the client: the log is where it can be found, by the request's id. */
export function logUnexpected(error: PorchlightError, c: Context): void {
  if (error.code === "internal") console.error(`request ${c.get("requestId")} failed:`, error.cause ?? error.message);
}
