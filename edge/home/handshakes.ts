import { CLOSE_CODES } from "../../shared/protocol/close-codes.ts";
import { beginEdgeHandshake, isHandshakeOverdue, judgeProof } from "../../shared/protocol/edge-handshake.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import { type Attachment, readAttachment, writeAttachment } from "./attachment.ts";
import type { Dial } from "./dial.ts";
import { closeSocket, sendBytes } from "./sockets.ts";

type Handshaking = Extract<Attachment, { phase: "handshake" }>;

/** Challenges a socket that was just accepted. */
export function challenge(socket: WebSocket, { agentId, publicKey, origin }: Dial): void {
  const { state, bytes } = beginEdgeHandshake({ agentId, origin, nowMs: Date.now() });
  writeAttachment(socket, { phase: "handshake", publicKey, handshake: state });
  sendBytes(socket, bytes);
}

/** What a socket that proved who it is speaks. */
export interface Spoken {
  protocol: number;
  features: readonly string[];
}

/** Takes the first message of a socket. Returns what it speaks when it proved who it is; otherwise the socket is closed. */
export async function takeProof(
  socket: WebSocket,
  attachment: Handshaking,
  message: ArrayBuffer | string,
): Promise<Spoken | undefined> {
  const { publicKey, handshake } = attachment;
  if (typeof message === "string" || message.byteLength > PROTOCOL_LIMITS.handshakeBytes) {
    closeUnproved(socket, CLOSE_CODES.protocol, typeof message === "string" ? "bad_message" : "frame_too_large");
    return undefined;
  }
  writeAttachment(socket, { ...attachment, handshake: { ...handshake, phase: "verifying" } });
  const verdict = await judgeProof(handshake, new Uint8Array(message), { publicKey, nowMs: Date.now() });
  // While the signature was checked the socket may have been closed: revoked, or by a second message.
  if (readAttachment(socket).phase !== "handshake") return undefined;
  if (verdict.ok) return { protocol: verdict.protocol, features: verdict.proof.features };
  if (verdict.bytes) sendBytes(socket, verdict.bytes);
  closeUnproved(socket, verdict.closeCode, verdict.reason);
  return undefined;
}

/** Closes those that took too long. Returns when the next one will have, if any is still at it. */
export function closeOverdue(sockets: WebSocket[], nowMs: number): number | undefined {
  let nextMs: number | undefined;
  for (const socket of sockets) {
    const attachment = readAttachment(socket);
    if (attachment.phase !== "handshake") continue;
    const { handshake } = attachment;
    if (isHandshakeOverdue(handshake, nowMs)) closeUnproved(socket, CLOSE_CODES.timeout, "timeout");
    else nextMs = Math.min(nextMs ?? Infinity, handshakeDeadlineMs(handshake.startedAtMs));
  }
  return nextMs;
}

/** The first millisecond at which a handshake that began then is overdue. */
export function handshakeDeadlineMs(startedAtMs: number): number {
  return startedAtMs + PROTOCOL_LIMITS.handshakeTimeoutMs + 1;
}

function closeUnproved(socket: WebSocket, code: number, reason: string): void {
  writeAttachment(socket, { phase: "closed" });
  closeSocket(socket, code, reason);
}
