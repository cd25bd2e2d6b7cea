import { startAuthentication, WebAuthnError } from "@simplewebauthn/browser";
import type { AccessPageData } from "../../access/page-data.ts";

/** What the edge answers a page's request with when it refuses. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Sends "METHOD /path" with a JSON body and returns the answer's JSON. Where the edge wants to know that the person is there, it asks
 * for the passkey and sends again. Throws RefusedError, or WebAuthnError if the passkey prompt ends without a passkey.
 */
export async function send(request: string, body: object = {}): Promise<unknown> {
  try {
    return await sendOnce(request, body);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== "confirmation_needed") throw error;
    const options = await sendOnce("POST /api/confirm/options", {});
    const response = await startAuthentication({ optionsJSON: options as AuthenticationOptions });
    await sendOnce("POST /api/confirm", { response });
    return await sendOnce(request, body);
  }
}

/** What the library takes: our own edge made it with the library's other half. */
export type AuthenticationOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

async function sendOnce(request: string, body: object): Promise<unknown> {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(path, {
    method,
    headers: { "content-type": "application/json" },
    body: method === "DELETE" || method === "GET" ? null : JSON.stringify(body),
  });
  if (response.status === 204) return {};
  if (response.ok) return await response.json();
  throw await refusalOf(response);
}

export async function refusalOf(response: Response): Promise<RefusedError> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }; // the one shape of the edge's errors
  return new RefusedError(error.code, error.message);
}

/** What to tell the reader of a failure, in their language. */
export function sentenceOf(error: unknown, strings: AccessPageData["strings"]): string {
  if (error instanceof RefusedError) return translated(strings.errors, error.code) ?? error.message;
  if (error instanceof WebAuthnError) {
    return error.code === "ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED" ? strings.known : strings.failed;
  }
  if (error instanceof Error && (error.name === "NotAllowedError" || error.name === "AbortError")) {
    return strings.cancelled;
  }
  if (error instanceof TypeError) return strings.network;
  console.error(error);
  return strings.failed;
}

function translated(errors: AccessPageData["strings"]["errors"], code: string): string | undefined {
  return Object.entries(errors ?? {}).find(([name]) => name === code)?.[1];
}
