import type { CallToolResult } from "@modelcontextprotocol/server";
import { mountedResultSchema } from "../../shared/mcp/mounted-result.ts";
import type { OfferedTool, ToolOutcome } from "../home/plugins/tool-box.ts";

/** What came of a call, as MCP says it. What a tool could not do is a result that a model reads, no error of the protocol. */
export function mcpResult(tool: OfferedTool, outcome: ToolOutcome): CallToolResult {
  if (!outcome.ok) return { content: [text(`${outcome.error.code}: ${outcome.error.message}`)], isError: true };
  const { value } = outcome;
  // What a mounted server answered goes on as it is: pictures stay pictures.
  const mounted = tool.source.kind === "mcp" ? mountedResultSchema.safeParse(value) : undefined;
  if (mounted?.success === true) return mounted.data as CallToolResult; // Its schema is a part of MCP's.
  const content = [text(typeof value === "string" ? value : JSON.stringify(value))];
  return isRecord(value) ? { content, structuredContent: value } : { content };
}

const text = (words: string): { type: "text"; text: string } => ({ type: "text", text: words });

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
