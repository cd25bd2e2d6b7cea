import { z } from "zod";
import { edgeHandshakeSchema } from "../../shared/protocol/edge-handshake.ts";
import { publicKeySchema } from "../../shared/protocol/handshake.ts";
import { archiveStateSchema } from "./archive/archive-tunnel.ts";

/** All that is known of a socket; the runtime keeps it while the object hibernates (at most 2 KiB). */
const attachmentSchema = z.discriminatedUnion("phase", [
  z.object({ phase: z.literal("handshake"), publicKey: publicKeySchema, handshake: edgeHandshakeSchema }),
  z.object({
    phase: z.literal("open"),
    agentId: z.string(),
    generation: z.number().int(),
    nextStreamId: z.number().int(),
    /** Whether the agent keeps runs whose stream is lost. */
    keepsRuns: z.boolean().default(false),
    /** Whether it keeps an archive of conversations, and has the key of the backup. */
    archive: archiveStateSchema.default("none"),
    /** Whether it runs plugins. */
    plugins: z.boolean().default(false),
    /** Whether it has servers of MCP. */
    mcp: z.boolean().default(false),
  }),
  /** We closed it; the peer's answer may still be on its way. */
  z.object({ phase: z.literal("closed") }),
]);
export type Attachment = z.infer<typeof attachmentSchema>;

export function readAttachment(socket: WebSocket): Attachment {
  return attachmentSchema.parse(socket.deserializeAttachment());
}

export function writeAttachment(socket: WebSocket, attachment: Attachment): void {
  socket.serializeAttachment(attachment);
}
