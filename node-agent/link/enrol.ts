import { PorchlightError } from "../../shared/errors.ts";
import { signEnrolment } from "../../shared/protocol/signatures.ts";
import { tunnelUrlOf } from "./addresses.ts";
import { notAnEdge, post, refusal, requireSafe } from "./edge-request.ts";
import { type Identity, type Pairing, pairingSchema } from "./identity.ts";

/**
 * Redeems a pairing link (`https://EDGE/j/CODE`): tells the edge this machine's public key, with a signature that proves the
 * private one. Saves nothing: see `savePairing`. Throws PorchlightError with the edge's own sentence if it gave one.
 */
export async function enrol(options: { url: string; identity: Identity; name: string }): Promise<Pairing> {
  const { identity, name } = options;
  const { origin, code, href } = parsePairingLink(options.url);
  const signature = await signEnrolment(identity.privateKey, { origin, code });
  const answer = await post(href, { publicKey: identity.publicKey, name, signature });
  if (!answer.ok) {
    throw refusal(origin, answer, "pair this machine");
  }
  return checkPairing(origin, answer.body);
}

/** The pairing in an edge's answer. Throws PorchlightError if there is none, or one with another edge. */
export function checkPairing(origin: string, body: unknown): Pairing {
  const answer = pairingSchema.safeParse(body);
  if (!answer.success) {
    throw notAnEdge(origin, answer.error);
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
  requireSafe(url);
  return { origin: url.origin, code, href: `${url.origin}/j/${code}` };
}
