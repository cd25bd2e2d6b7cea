import { z } from "zod";
import { PorchlightError, type WireError } from "../errors.ts";
import {
  challengeSchema,
  type Challenge,
  decodeHandshake,
  encodeHandshake,
  PROTOCOL_RANGE,
  refusedSchema,
  type Welcome,
  welcomeSchema,
} from "./handshake.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type SigningKey, signProof } from "./signatures.ts";

/** What the agent must remember between two messages of the handshake. */
export type AgentHandshake = "expect_challenge" | "expect_welcome";

/** Who the agent is. `origin` is the edge's, as the pairing told it. */
export interface AgentClaims {
  agentId: string;
  origin: string;
  privateKey: SigningKey;
  features: readonly string[];
  agentVersion: string;
}

/** What follows from a message: send the proof; begin the session; or give up, with the edge's or the agent's own reason. */
export type AgentStep =
  | { kind: "proof"; bytes: Uint8Array; state: AgentHandshake }
  | { kind: "welcome"; welcome: Welcome }
  | { kind: "refused"; error: WireError };

const fromEdgeSchema = z.discriminatedUnion("type", [challengeSchema, welcomeSchema, refusedSchema]);

/** Takes one whole WebSocket message of the edge. Rejects with ProtocolError when it does not belong here. */
export async function agentHandshakeStep(
  state: AgentHandshake,
  bytes: Uint8Array,
  claims: AgentClaims,
): Promise<AgentStep> {
  const message = decodeHandshake(bytes, fromEdgeSchema);
  if (message.type === "refused") {
    return { kind: "refused", error: message.error };
  }
  if (message.type !== (state === "expect_challenge" ? "challenge" : "welcome")) {
    throw new ProtocolError("handshake_order");
  }
  if (message.type === "challenge") {
    return answerChallenge(message, claims);
  }
  if (message.protocol < PROTOCOL_RANGE.min || message.protocol > PROTOCOL_RANGE.max) {
    throw new ProtocolError("bad_message");
  }
  return { kind: "welcome", welcome: message };
}

async function answerChallenge(challenge: Challenge, claims: AgentClaims): Promise<AgentStep> {
  const { agentId, origin, privateKey, agentVersion } = claims;
  if (challenge.origin !== undefined && challenge.origin !== origin) {
    const message =
      `This machine is paired with ${origin}, but the edge calls itself ${challenge.origin}. ` +
      "Pair it again at the address that it is to use.";
    return { kind: "refused", error: new PorchlightError("agent_unknown", message).toWire() };
  }
  const protocol = { ...PROTOCOL_RANGE };
  const features = [...claims.features];
  const signature = await signProof(privateKey, { origin, agentId, nonce: challenge.nonce, protocol, features });
  return {
    kind: "proof",
    bytes: encodeHandshake({ type: "proof", agentId, signature, protocol, features, agentVersion }),
    state: "expect_welcome",
  };
}
