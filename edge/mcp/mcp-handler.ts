import {
  type CallToolResult,
  createMcpHandler,
  type McpHttpHandler,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { OfferedTool, ToolOutcome } from "../home/plugins/tool-box.ts";
import { VERSION } from "../version.ts";
import { MCP_LIMITS } from "./limits.ts";
import { mcpResult } from "./mcp-result.ts";
import { toolPage } from "./mcp-tools.ts";

/** A call as a client of MCP makes it. */
export interface McpCall {
  tool: string;
  input: unknown;
  /** The client's own id of it, by which it may take it back. */
  requestId: string | number;
  signal: AbortSignal;
  onProgress?: (done: number, words?: string) => void;
}

/** The tools that one person's clients may call. */
export interface McpTools {
  offered(): Promise<OfferedTool[]>;
  /** Never throws for what a tool does. */
  call(call: McpCall): Promise<ToolOutcome>;
}

/**
 * Tools over streamable HTTP: the current revision of MCP, and those before it, which begin with `initialize`. It keeps nothing between
 * requests. Who asks has been found out before.
 */
export function mcpHandler(tools: McpTools): McpHttpHandler {
  return createMcpHandler(() => toolServer(tools), {
    maxRequestBodySize: MCP_LIMITS.bodyBytes,
    keepAliveMs: MCP_LIMITS.keepAliveMs,
  });
}

function toolServer(tools: McpTools): Server {
  const server = new Server(
    { name: "porchlight", title: "Porchlight", version: VERSION },
    { capabilities: { tools: {} } },
  );
  server.setRequestHandler("tools/list", async ({ params }) => toolPage(await tools.offered(), params?.cursor));
  server.setRequestHandler("tools/call", async ({ params }, context) => await callTool(tools, params, context));
  return server;
}

async function callTool(
  tools: McpTools,
  { name, arguments: input = {} }: { name: string; arguments?: Record<string, unknown> | undefined },
  { mcpReq }: ServerContext,
): Promise<CallToolResult> {
  const tool = (await tools.offered()).find((one) => one.name === name);
  if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool '${name}'.`);
  const { id: requestId, signal, _meta: meta } = mcpReq;
  const progressToken = meta?.progressToken;
  const call: McpCall = { tool: name, input, requestId, signal };
  if (progressToken !== undefined) {
    call.onProgress = growing((progress, words) => {
      const message = words === undefined ? {} : { message: words };
      const params = { progressToken, progress, total: 1, ...message };
      // A client that has left hears nothing; its call ends by its signal.
      mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
    });
  }
  return mcpResult(tool, await tools.call(call));
}

/** MCP's progress only ever grows; and a plugin that reports all the time is heard now and then. */
function growing(say: (done: number, words?: string) => void): (done: number, words?: string) => void {
  let most = -1;
  let saidAtMs = 0;
  return (done, words) => {
    const now = Date.now();
    if (done <= most || (done < 1 && now - saidAtMs < MCP_LIMITS.progressEveryMs)) return;
    most = done;
    saidAtMs = now;
    say(done, words);
  };
}
