import { z } from "zod";
import { ERRORS, type ErrorCode, PorchlightError } from "../../shared/errors.ts";
import { isLoopbackHost } from "./addresses.ts";

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

const errorAnswerSchema = z.object({ error: z.object({ code: z.string().nullish(), message: z.string().min(1) }) });

export interface EdgeAnswer {
  ok: boolean;
  status: number;
  /** JSON; undefined for anything else. */
  body: unknown;
}

/** Throws PorchlightError unless what is sent to this address stays between the two: https, or http on this machine. */
export function requireSafe(url: URL): void {
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname))) return;
  const message =
    "The address of an edge on another machine must begin with https://, or anyone on the way could read your chats.";
  throw new PorchlightError("invalid_request", message);
}

/** Posts JSON, or a form (URLSearchParams). Follows no redirect. Throws PorchlightError `edge_unreachable`. */
export async function post(url: string, body: object): Promise<EdgeAnswer> {
  const form = body instanceof URLSearchParams;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": form ? "application/x-www-form-urlencoded" : "application/json",
        accept: "application/json",
      },
      body: form ? body.toString() : JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { ok: response.ok, status: response.status, body: await readJson(response) };
  } catch (cause) {
    const message = `The edge at ${new URL(url).origin} could not be reached. Check the address and the network.`;
    throw new PorchlightError("edge_unreachable", message, { cause });
  }
}

/** What an edge's refusal means, in its own sentence if it gave one. @param what could not be done, such as "pair this machine" */
export function refusal(origin: string, { status, body }: EdgeAnswer, what: string): PorchlightError {
  const answer = errorAnswerSchema.safeParse(body);
  if (answer.success) {
    const { code, message } = answer.data.error;
    // It goes to a terminal, which control characters would command.
    const sentence = message.slice(0, 1000).replaceAll(/\p{Cc}/gu, "\uFFFD");
    return new PorchlightError(isErrorCode(code) ? code : codeOf(status), sentence);
  }
  return new PorchlightError(codeOf(status), `${origin} refused to ${what} (HTTP ${status}).`);
}

/** For an answer that no edge would give. */
export function notAnEdge(origin: string, cause: unknown): PorchlightError {
  const message = `${origin} answered, but not as a Porchlight edge does. Check the address.`;
  return new PorchlightError("edge_unreachable", message, { cause });
}

/** The answer's JSON, or undefined for anything else. */
async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      return undefined;
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined; // Some proxy's page: the caller says what that means.
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 404 || status === 410) {
    return "code_used_or_expired";
  }
  return status >= 500 ? "edge_unreachable" : "invalid_request";
}

function isErrorCode(code: string | null | undefined): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}
