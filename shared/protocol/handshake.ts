import { z } from "zod";
import { wireErrorSchema } from "../errors.ts";
import { fromBase64Url } from "./base64url.ts";
import { decodeFrame, encodeFrame, FRAME } from "./frames.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

/** The protocol versions this code speaks. */
export const PROTOCOL_RANGE = { min: 1, max: 1 } as const;

/** Base64url of exactly `length` bytes. */
const base64UrlBytes = (length: number) =>
  z.string().refine((text) => fromBase64Url(text)?.length === length, `must be base64url of ${length} bytes`);

const versionSchema = z.number().int().min(1).max(0xffff);

const featuresSchema = z.array(z.string().regex(/^[a-z0-9-]{1,32}$/)).max(64);

/** Runs outlive their tunnel: numbered lines, `runs`, `ack`, `cancel`, streams of kind `resume`. */
export const RUNS_FEATURE = "runs";

/** The machine keeps an archive of conversations: streams of kind `archive`. */
export const ARCHIVE_FEATURE = "archive";
/** Its archive has the key of the backup, too: it seals. */
export const BACKUP_KEY_FEATURE = "backup-key";

/** The machine runs plugins: streams of kind `plugin`. */
export const PLUGINS_FEATURE = "plugins";

/** The machine has servers of MCP that its owner put there: streams of kind `mcp`. */
export const MCP_FEATURE = "mcp";

export const agentIdSchema = z.string().min(1).max(128);

/** Ed25519 public key, raw. */
export const publicKeySchema = base64UrlBytes(32);

/** Edge to agent, first message. */
export const challengeSchema = z.object({
  type: z.literal("challenge"),
  nonce: base64UrlBytes(32),
  /** The edge's clock, Unix time in milliseconds. */
  time: z.number().int().nonnegative(),
  /** Where the edge believes it is, so that the agent can name a mismatch; the agent signs the origin it was paired with. */
  origin: z.string().max(512).optional(),
});
export type Challenge = z.infer<typeof challengeSchema>;

/** Agent to edge. */
export const proofSchema = z.object({
  type: z.literal("proof"),
  agentId: agentIdSchema,
  signature: base64UrlBytes(64),
  protocol: z
    .object({ min: versionSchema, max: versionSchema })
    .refine((range) => range.min <= range.max, "min must not be above max"),
  /** What this agent can do beyond the protocol's first version; both use what both name. */
  features: featuresSchema,
  agentVersion: z.string().min(1).max(64),
});
export type Proof = z.infer<typeof proofSchema>;

/** Limits may be lowered by `welcome`, never raised. */
export const sessionLimitsSchema = z.object({
  streamCreditBytes: z.number().int().min(1024).max(PROTOCOL_LIMITS.streamCreditBytes),
  connectionCreditBytes: z.number().int().min(1024).max(PROTOCOL_LIMITS.connectionCreditBytes),
  streams: z.number().int().min(1).max(PROTOCOL_LIMITS.streams),
});
export type SessionLimits = z.infer<typeof sessionLimitsSchema>;

/** What `welcome` grants when nothing speaks for less. */
export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  streamCreditBytes: PROTOCOL_LIMITS.streamCreditBytes,
  connectionCreditBytes: PROTOCOL_LIMITS.connectionCreditBytes,
  streams: PROTOCOL_LIMITS.streams,
};

/** Edge to agent: the session begins with the next frame of either side. */
export const welcomeSchema = z.object({
  type: z.literal("welcome"),
  protocol: versionSchema,
  limits: sessionLimitsSchema,
  /** Grows with each connection of this agent; the socket with the lower one is closed with 4409. */
  generation: z.number().int().nonnegative(),
  serverVersion: z.string().max(64),
  /** What the edge can do beyond the first version; an edge of before there was any says nothing. */
  features: featuresSchema.optional(),
});
export type Welcome = z.infer<typeof welcomeSchema>;

/** Edge to agent instead of `welcome`; the socket is closed right after it. */
export const refusedSchema = z.object({ type: z.literal("refused"), error: wireErrorSchema });
export type Refused = z.infer<typeof refusedSchema>;

export type HandshakeMessage = Challenge | Proof | Welcome | Refused;

/** A handshake message as the one frame that it is: DATA on stream 0. */
export function encodeHandshake(message: HandshakeMessage): Uint8Array {
  return encodeFrame(FRAME.data, 0, encodeJson(message));
}

/**
 * The handshake message of one whole WebSocket message. Throws ProtocolError; `handshake_order` for any other frame, whose
 * payload is not looked at.
 */
export function decodeHandshake<Schema extends z.ZodType>(bytes: Uint8Array, schema: Schema): z.infer<Schema> {
  if (bytes.length > PROTOCOL_LIMITS.handshakeBytes) {
    throw new ProtocolError("frame_too_large");
  }
  const frame = decodeFrame(bytes);
  if (frame.type !== FRAME.data || frame.streamId !== 0) {
    throw new ProtocolError("handshake_order");
  }
  return decodeJson(frame.payload, schema);
}
