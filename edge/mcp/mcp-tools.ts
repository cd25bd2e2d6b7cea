import { ProtocolError, ProtocolErrorCode, type Tool } from "@modelcontextprotocol/server";
import type { OfferedTool } from "../home/plugins/tool-box.ts";
import { MCP_LIMITS } from "./limits.ts";

export type ToolPage = { tools: Tool[]; nextCursor?: string };

/** Tools in the order of their names, a page at a time. A cursor is the last name of the page before. Throws ProtocolError for one that is none. */
export function toolPage(offered: readonly OfferedTool[], cursor: string | undefined): ToolPage {
  if (cursor !== undefined && !/^[A-Za-z0-9_.-]{1,64}$/.test(cursor))
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, "This cursor is none of this server's.");
  const ordered = offered.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const left = cursor === undefined ? ordered : ordered.filter(({ name }) => name > cursor);
  const page = left.slice(0, MCP_LIMITS.pageTools);
  const last = page.at(-1);
  return {
    tools: page.map(mcpTool),
    ...(left.length > page.length && last !== undefined ? { nextCursor: last.name } : {}),
  };
}

function mcpTool({ name, title, description, input, effect, taints }: OfferedTool): Tool {
  return {
    name,
    title: title.en,
    description,
    // MCP has objects only; so have plugins' tools, but for one that takes anything.
    inputSchema: { ...input, type: "object" } as Tool["inputSchema"], // ToolSchema is a part of JSON Schema.
    annotations: { title: title.en, readOnlyHint: effect === "read", openWorldHint: taints },
  };
}
