import { z } from "zod";
import { type ErrorCode, PorchlightError } from "../errors.ts";
import { toBase64Url } from "./base64url.ts";
import { CLOSE_CODES, type CloseCode } from "./close-codes.ts";
import {
  agentIdSchema,
  decodeHandshake,
  encodeHandshake,
  PROTOCOL_RANGE,
  type Proof,
  proofSchema,
  type Welcome,
} from "./handshake.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";
import { verifyProof } from "./signatures.ts";

/** All that the edge must remember of a socket before `welcome`: small JSON, kept in a hibernating socket's attachment. */
export const edgeHandshakeSchema = z.object({
  /** `verifying` once the proof has come: nothing more may come before `welcome`. */
  phase: z.enum(["challenged", "verifying"]),
  agentId: agentIdSchema,
  origin: z.string(),
  nonce: z.string(),
  startedAtMs: z.number(),
});
export type EdgeHandshake = z.infer<typeof edgeHandshakeSchema>;

/** How a proof was taken. If refused: send `bytes` when there are some, then close with `closeCode` and `reason`. */
export type EdgeVerdict =
  | { ok: true; proof: Proof; protocol: number }
  | { ok: false; closeCode: CloseCode; reason: string; bytes: Uint8Array | undefined };

/**
 * Starts the edge's side for a socket that says it is `agentId`: send `bytes`, keep `state`. `origin` is the edge's own
 * origin, the one its agents were paired with.
 */
export function beginEdgeHandshake(options: { agentId: string; origin: string; nowMs: number }): {
  state: EdgeHandshake;
  bytes: Uint8Array;
} {
  const { agentId, origin, nowMs } = options;
  const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  return {
    state: { phase: "challenged", agentId, origin, nonce, startedAtMs: nowMs },
    bytes: encodeHandshake({ type: "challenge", nonce, time: nowMs, origin }),
  };
}

/** Whether the handshake has run out of time: close with 4408. Checked by the timer or alarm of whoever owns the socket. */
export function isHandshakeOverdue(state: EdgeHandshake, nowMs: number): boolean {
  return nowMs - state.startedAtMs > PROTOCOL_LIMITS.handshakeTimeoutMs;
}

/**
 * Judges the socket's first message, which must be the proof. Store `{...state, phase: "verifying"}` before awaiting, pass the
 * stored state in. Afterwards: on `ok` send `encodeHandshake(welcome)` and hand all later messages to a Session. Never rejects.
 *
 * @param publicKey base64url of the raw key on the agent's record; undefined when there is no such agent.
 */
export async function judgeProof(
  state: EdgeHandshake,
  bytes: Uint8Array,
  options: { publicKey: string | undefined; nowMs: number },
): Promise<EdgeVerdict> {
  if (isHandshakeOverdue(state, options.nowMs)) {
    return refuse(CLOSE_CODES.timeout, "timeout", "The handshake took longer than ten seconds.");
  }
  const proof = readProof(state, bytes);
  if (proof instanceof ProtocolError) {
    return { ok: false, closeCode: CLOSE_CODES.protocol, reason: proof.reason, bytes: undefined };
  }
  const { agentId, origin, nonce } = state;
  const { protocol: range, features, signature } = proof;
  // One answer for an unknown agent, another's id and a wrong signature: a stranger learns nothing of who is paired here.
  const { publicKey } = options;
  const fits =
    publicKey !== undefined &&
    proof.agentId === agentId &&
    (await verifyProof(publicKey, signature, { origin, agentId, nonce, protocol: range, features }));
  if (!fits) {
    return refuse(CLOSE_CODES.auth, "agent_unknown");
  }
  const protocol = Math.min(range.max, PROTOCOL_RANGE.max);
  if (protocol < range.min || protocol < PROTOCOL_RANGE.min) {
    return refuse(CLOSE_CODES.protocol, "protocol_unsupported");
  }
  return { ok: true, proof, protocol };
}

/** The `welcome` that ends the handshake. */
export function encodeWelcome(welcome: Omit<Welcome, "type">): Uint8Array {
  return encodeHandshake({ type: "welcome", ...welcome });
}

/** Refuses with an error that the agent can show; for use before `welcome` only. */
export function refuse(closeCode: CloseCode, code: ErrorCode, message?: string): EdgeVerdict & { ok: false } {
  const error = new PorchlightError(code, message).toWire();
  return { ok: false, closeCode, reason: code, bytes: encodeHandshake({ type: "refused", error }) };
}

function readProof(state: EdgeHandshake, bytes: Uint8Array): Proof | ProtocolError {
  try {
    if (state.phase !== "challenged") {
      return new ProtocolError("handshake_order");
    }
    return decodeHandshake(bytes, proofSchema);
  } catch (error) {
    if (error instanceof ProtocolError) {
      return error;
    }
    throw error;
  }
}
