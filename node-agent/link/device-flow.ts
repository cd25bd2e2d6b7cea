import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { signDevice, signEnrolment } from "../../shared/protocol/signatures.ts";
import { notAnEdge, post, refusal } from "./edge-request.ts";
import { checkPairing } from "./enrol.ts";
import type { Identity, Pairing } from "./identity.ts";

const CLIENT_ID = "porchlight";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
/** RFC 8628, section 3.5. */
const SLOW_DOWN_MS = 5_000;

const startedSchema = z.object({
  device_code: z.string().min(1).max(512),
  user_code: z.string().regex(/^[\w-]{4,32}$/),
  verification_uri: z.url(),
  verification_uri_complete: z.url(),
  expires_in: z.number().positive().max(86_400),
  interval: z.number().min(0).max(300).default(5),
});
const grantSchema = z.object({ agent_id: z.string(), origin: z.string(), tunnel_url: z.string() });
const errorSchema = z.object({ error: z.string() });

/** What its owner must see: the code, and where to type it in. */
export interface DeviceCode {
  userCode: string;
  url: string;
  /** The same with the code in it. */
  completeUrl: string;
  expiresInMs: number;
}

/**
 * Pairs without a link (RFC 8628): asks the edge for a code, has `onCode` show it, and polls until the owner has decided. Each poll is
 * signed, so the device code alone is worth nothing. Throws PorchlightError: `forbidden` for a no, `code_used_or_expired` for none.
 */
export async function enrolByDevice(options: {
  origin: string;
  identity: Identity;
  name: string;
  system: string;
  onCode: (code: DeviceCode) => void;
  signal: AbortSignal;
}): Promise<Pairing> {
  const { origin, identity, signal } = options;
  const started = await begin(options);
  const { user_code: userCode, verification_uri: url, verification_uri_complete: completeUrl } = started;
  // An edge may not send its owner to type the code in elsewhere.
  if (![url, completeUrl].every((link) => new URL(link).origin === origin)) throw notAnEdge(origin, undefined);
  options.onCode({
    userCode,
    url: new URL(url).href,
    completeUrl: new URL(completeUrl).href,
    expiresInMs: started.expires_in * 1000,
  });
  const fields = {
    grant_type: GRANT_TYPE,
    client_id: CLIENT_ID,
    device_code: started.device_code,
    signature: await signEnrolment(identity.privateKey, { origin, code: started.device_code }),
  };
  const deadlineMs = performance.now() + started.expires_in * 1000;
  let waitMs = started.interval * 1000;
  while (performance.now() < deadlineMs) {
    await sleep(waitMs, undefined, { signal }).catch(() => undefined); // The next line says what an abort means.
    if (signal.aborted) throw new PorchlightError("cancelled", "Nothing was paired.");
    const answer = await poll(origin, fields);
    if (answer === undefined) {
      waitMs *= 2; // RFC 8628, section 3.5: back off when a connection times out.
    } else if (answer.ok) {
      const grant = grantSchema.safeParse(answer.body);
      if (!grant.success) throw notAnEdge(origin, grant.error);
      const { agent_id: agentId, tunnel_url: tunnelUrl, origin: named } = grant.data;
      return checkPairing(origin, { agentId, tunnelUrl, origin: named });
    } else {
      const error = errorSchema.safeParse(answer.body).data?.error;
      if (error === "slow_down") waitMs += SLOW_DOWN_MS;
      else if (error !== "authorization_pending") throw decided(error, origin, answer);
    }
  }
  throw new PorchlightError("code_used_or_expired", "Nobody approved this machine in time. Run the command again.");
}

async function begin({ origin, identity, name, system }: Parameters<typeof enrolByDevice>[0]) {
  const signature = await signDevice(identity.privateKey, { origin, name });
  const fields = { client_id: CLIENT_ID, public_key: identity.publicKey, name, system: system.slice(0, 64), signature };
  const answer = await post(`${origin}/oauth/device_authorization`, new URLSearchParams(fields));
  if (!answer.ok) throw refusal(origin, answer, "begin pairing");
  const started = startedSchema.safeParse(answer.body);
  if (!started.success) throw notAnEdge(origin, started.error);
  return started.data;
}

/** Undefined while the edge cannot be reached: the code is good for minutes, and so may the network be again. */
async function poll(origin: string, fields: Record<string, string>) {
  try {
    return await post(`${origin}/oauth/token`, new URLSearchParams(fields));
  } catch (error) {
    if (error instanceof PorchlightError && error.code === "edge_unreachable") return undefined;
    throw error;
  }
}

function decided(error: string | undefined, origin: string, answer: Parameters<typeof refusal>[1]): PorchlightError {
  if (error === "access_denied") {
    return new PorchlightError("forbidden", "The owner did not let this machine in.");
  }
  if (error === "expired_token" || error === "invalid_grant") {
    return new PorchlightError(
      "code_used_or_expired",
      "The code was used already or has expired. Run the command again.",
    );
  }
  return refusal(origin, answer, "pair this machine");
}
