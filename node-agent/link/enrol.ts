import { z } from "zod";
import { ERRORS, type ErrorCode, PorchlightError } from "../../shared/errors.ts";
import { signEnrolment } from "../../shared/protocol/signatures.ts";
import { isLoopbackHost, tunnelUrlOf } from "./addresses.ts";
import { type Identity, type Pairing, pairingSchema } from "./identity.ts";

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

const errorAnswerSchema = z.object({ error: z.object({ code: z.string().nullish(), message: z.string().min(1) }) });

/**
 * Redeems a pairing link (`https://EDGE/j/CODE`): tells the edge this machine's public key, with a signature that proves the
 * private one. Saves nothing: see `savePairing`. Throws PorchlightError with the edge's own sentence if it gave one.
 */
export async function enrol(options: { url: string; identity: Identity; name: string }): Promise<Pairing> {
  const { identity, name } = options;
  const { origin, code, href } = parsePairingLink(options.url);
  const signature = await signEnrolment(identity.privateKey, { origin, code });
  const { ok, status, body } = await post(href, { publicKey: identity.publicKey, name, signature });
  if (!ok) {
    throw refusal(origin, status, body);
  }
  const answer = pairingSchema.safeParse(body);
  if (!answer.success) {
    const message = `${origin} answered, but not as a Porchlight edge does. Check the pairing link.`;
    throw new PorchlightError("edge_unreachable", message, { cause: answer.error });
  }
  const pairing = answer.data;
  // The origin goes into every later proof: an edge may not move this machine to another one.
  if (pairing.origin !== origin || pairing.tunnelUrl !== tunnelUrlOf(origin)) {
    const message = `The edge at ${origin} calls itself ${pairing.origin}. Use a pairing link made at that address.`;
    throw new PorchlightError("invalid_request", message);
  }
  return pairing;
}

function parsePairingLink(link: string): { origin: string; code: string; href: string } {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const code = /^\/j\/([A-Za-z0-9_-]{1,128})$/.exec(url?.pathname ?? "")?.[1];
  if (url === undefined || code === undefined || !/^https?:$/.test(url.protocol)) {
    const message = "This is not a pairing link. It looks like https://EDGE/j/CODE: copy the whole of it.";
    throw new PorchlightError("invalid_request", message);
  }
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    const message =
      "A pairing link to another machine must begin with https://, or anyone on the way could read your chats.";
    throw new PorchlightError("invalid_request", message);
  }
  return { origin: url.origin, code, href: `${url.origin}/j/${code}` };
}

async function post(url: string, body: unknown): Promise<{ ok: boolean; status: number; body: unknown }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { ok: response.ok, status: response.status, body: await readJson(response) };
  } catch (cause) {
    const message = `The edge at ${new URL(url).origin} could not be reached. Check the address and the network.`;
    throw new PorchlightError("edge_unreachable", message, { cause });
  }
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

function refusal(origin: string, status: number, body: unknown): PorchlightError {
  const answer = errorAnswerSchema.safeParse(body);
  if (answer.success) {
    const { code, message } = answer.data.error;
    return new PorchlightError(isErrorCode(code) ? code : codeOf(status), message);
  }
  return new PorchlightError(codeOf(status), `${origin} refused to pair this machine (HTTP ${status}).`);
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
