import type { McpCall, McpTools } from "../../../edge/mcp/mcp-handler.ts";
import type { OfferedTool, ToolOutcome } from "../../../edge/home/plugins/tool-box.ts";

/** A tool as a plugin's; `over` says what is different. */
export function tool(name: string, over: Partial<OfferedTool> = {}): OfferedTool {
  return {
    name,
    title: { en: name, zh: name },
    description: `The tool ${name}.`,
    input: { type: "object", properties: { text: { type: "string" } } },
    effect: "read",
    taints: false,
    sends: "nowhere",
    source: { kind: "plugin", name: "@porchlight/fixture", version: "1.0.0", hash: "0".repeat(64), tool: name },
    ...over,
  };
}

/** Tools that answer as `answer` says. */
export function tools(offered: OfferedTool[], answer: (call: McpCall) => Promise<ToolOutcome>): McpTools {
  return { offered: () => Promise.resolve(offered), call: answer };
}
