import { PorchlightError } from "../../../shared/errors.ts";
import { MOUNT_LIMITS } from "../../../shared/mcp/limits.ts";
import {
  encodeMcpLine,
  type McpAsk,
  mcpLineSchema,
  mcpServersSchema,
  mcpToolsSchema,
} from "../../../shared/mcp/mcp-lines.ts";
import { type MountedResult, mountedResultSchema } from "../../../shared/mcp/mounted-result.ts";
import type { MountedTool } from "../../../shared/mcp/mounted-tool.ts";
import { readLines } from "../../../shared/plugin/stream-lines.ts";
import type { StreamHeader } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";

/** Of a tunnel, what its servers are reached by. */
export interface McpTunnel {
  readonly agentId: string;
  /** Whether the machine has servers of MCP. */
  readonly mcp: boolean;
  readonly leaving: boolean;
}

export interface MachineServersOptions<Tunnel extends McpTunnel> {
  tunnels: () => readonly Tunnel[];
  openStream: (tunnel: Tunnel, header: StreamHeader) => ProtocolStream;
}

/** What the machine may take beyond a call's own time: it starts a process first. */
const EXTRA_MS = 15_000;

/** The servers of MCP on the household's machines: the owner of each named them there, and the edge can ask for no other. */
export class MachineServers<Tunnel extends McpTunnel> {
  readonly #options: MachineServersOptions<Tunnel>;

  constructor(options: MachineServersOptions<Tunnel>) {
    this.#options = options;
  }

  /** On the machines that are online. One that does not answer has none. */
  async list(signal: AbortSignal): Promise<{ agentId: string; server: string }[]> {
    const machines = this.#options.tunnels().filter(({ mcp, leaving }) => mcp && !leaving);
    const lists = machines.map(async ({ agentId }) => {
      const said = await this.#ask(agentId, { type: "servers" }, signal).catch(() => []);
      const names = mcpServersSchema.safeParse(said).data ?? [];
      return names.map((server) => ({ agentId, server }));
    });
    return (await Promise.all(lists)).flat();
  }

  /** Throws PorchlightError `agent_offline`, `not_found`, `mcp_unreachable` or `mcp_failed`. */
  async tools(agentId: string, server: string, signal: AbortSignal): Promise<MountedTool[]> {
    const said = mcpToolsSchema.safeParse(await this.#ask(agentId, { type: "tools", server }, signal));
    if (said.success) return said.data;
    throw new PorchlightError("mcp_failed", "The machine's list of tools is not understood.", { cause: said.error });
  }

  /** Throws PorchlightError as `tools` does, and `mcp_changed`. */
  async call(
    agentId: string,
    call: Omit<McpAsk & { type: "call" }, "type">,
    signal: AbortSignal,
    onProgress: ((done: number, words?: string) => void) | undefined,
  ): Promise<MountedResult> {
    const said = mountedResultSchema.safeParse(await this.#ask(agentId, { type: "call", ...call }, signal, onProgress));
    if (said.success) return said.data;
    throw new PorchlightError("mcp_failed", "The server's answer is not understood.", { cause: said.error });
  }

  async #ask(
    agentId: string,
    ask: McpAsk,
    signal: AbortSignal,
    onProgress?: (done: number, words?: string) => void,
  ): Promise<unknown> {
    if (signal.aborted) throw new PorchlightError("cancelled");
    const tunnel = this.#options.tunnels().find((one) => one.agentId === agentId && one.mcp && !one.leaving);
    if (tunnel === undefined)
      throw new PorchlightError(
        "agent_offline",
        "The machine that this server is on is offline, or has none any more.",
      );
    const stream = this.#options.openStream(tunnel, { kind: "mcp", requestId: `mcp-${crypto.randomUUID()}` });
    const giveUp = (): void => stream.reset(new PorchlightError("cancelled").toWire());
    const tooLong = (): void => stream.reset(new PorchlightError("plugin_timeout").toWire());
    const timeout = setTimeout(tooLong, MOUNT_LIMITS.callMs + EXTRA_MS);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await stream.write(encodeMcpLine(ask));
      stream.end();
      for await (const line of readLines(stream.incoming, mcpLineSchema)) {
        if (line.type === "done") return JSON.parse(line.value);
        if (line.type === "failed") throw PorchlightError.fromWire(line.error);
        onProgress?.(line.done, line.words);
      }
      throw new PorchlightError("agent_disconnected");
    } catch (error) {
      if (signal.aborted) throw new PorchlightError("cancelled", undefined, { cause: error });
      throw error;
    } finally {
      clearTimeout(timeout);
      signal.removeEventListener("abort", giveUp);
    }
  }
}
