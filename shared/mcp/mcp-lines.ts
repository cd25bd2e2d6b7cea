import { z } from "zod";
import { wireErrorSchema } from "../errors.ts";
import { CALL_LIMITS } from "../plugin/limits.ts";
import { MOUNT_LIMITS, SERVER_NAME } from "./limits.ts";
import { mountedToolSchema } from "./mounted-tool.ts";

const server = z.string().regex(SERVER_NAME);
const name = z.string().max(128);

/** From the edge: the one line of a stream of kind `mcp`. It names what the machine's owner put there, and never a command. */
export const mcpAskSchema = z.discriminatedUnion("type", [
  /** Which servers there are. */
  z.object({ type: z.literal("servers") }),
  /** What one offers. */
  z.object({ type: z.literal("tools"), server }),
  z.object({
    type: z.literal("call"),
    server,
    tool: name,
    /** Of the tool as it was consented to. */
    digest: z.string().max(64),
    /** JSON. */
    input: z.string().max(CALL_LIMITS.inputBytes),
  }),
]);
export type McpAsk = z.infer<typeof mcpAskSchema>;

/** From the machine. */
export const mcpLineSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("progress"), done: z.number(), words: z.string().max(2_000).optional() }),
  /** The last: JSON. */
  z.object({ type: z.literal("done"), value: z.string().max(2 * MOUNT_LIMITS.messageBytes) }),
  /** The last, in place of `done`. */
  z.object({ type: z.literal("failed"), error: wireErrorSchema }),
]);
export type McpLine = z.infer<typeof mcpLineSchema>;

/** The value of `done` for `servers`. */
export const mcpServersSchema = z.array(server).max(MOUNT_LIMITS.servers);
/** The value of `done` for `tools`. */
export const mcpToolsSchema = z.array(mountedToolSchema).max(MOUNT_LIMITS.tools);

export function encodeMcpLine(line: McpAsk | McpLine): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`);
}
