import { Client, ProtocolError, type Transport } from "@modelcontextprotocol/client";
import { PorchlightError } from "../errors.ts";
import { MOUNT_LIMITS } from "./limits.ts";
import { type MountedResult, mountedResultSchema } from "./mounted-result.ts";
import { type MountedTool, mountedTool } from "./mounted-tool.ts";

export interface MountedCall {
  tool: string;
  /** Of the tool that its person consented to. */
  digest: string;
  input: Record<string, unknown>;
  signal: AbortSignal;
  onProgress?: (done: number, words?: string) => void;
}

/** A connection to somebody's server of MCP: it is believed in nothing, waited for no longer than its limits, and asked for tools alone. */
export class MountedClient {
  readonly #client: Client;
  #tools: Promise<MountedTool[]> | undefined;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Throws PorchlightError `mcp_unreachable`. @param onClose called once when the connection is over */
  static async connect(transport: Transport, version: string, onClose?: () => void): Promise<MountedClient> {
    // No capabilities: it may ask neither models nor people, nor read folders.
    const client = new Client(
      { name: "porchlight", version },
      { capabilities: {}, versionNegotiation: { mode: "auto", probe: { timeoutMs: MOUNT_LIMITS.connectMs / 4 } } },
    );
    const mounted = new MountedClient(client);
    client.setNotificationHandler("notifications/tools/list_changed", () => {
      mounted.#tools = undefined;
    });
    // The SDK's client is no EventTarget: this is its only way to say so.
    if (onClose !== undefined) Object.assign(client, { onclose: onClose });
    try {
      await client.connect(transport, { timeout: MOUNT_LIMITS.connectMs });
    } catch (cause) {
      await client.close().catch(() => undefined); // It may not have been open.
      throw new PorchlightError("mcp_unreachable", undefined, { cause });
    }
    return mounted;
  }

  /** What it offers, asked for once until it says that this changed. Throws PorchlightError `mcp_failed`. */
  async tools(): Promise<MountedTool[]> {
    this.#tools ??= this.#list();
    this.#tools.catch(() => (this.#tools = undefined)); // The next one asks again.
    return await this.#tools;
  }

  /** Throws PorchlightError `mcp_changed`, `mcp_failed` or `cancelled`. What the tool could not do is a result. */
  async call({ tool: name, digest, input, signal, onProgress }: MountedCall): Promise<MountedResult> {
    const tool = (await this.tools()).find((one) => one.name === name);
    if (tool?.digest !== digest) throw new PorchlightError("mcp_changed");
    try {
      // Not the SDK's `callTool`, which compiles a stranger's output schema with its patterns.
      const answer = await this.#client.request(
        { method: "tools/call", params: { name, arguments: input } },
        {
          signal,
          timeout: MOUNT_LIMITS.callMs,
          maxTotalTimeout: MOUNT_LIMITS.callMs,
          ...(onProgress === undefined ? {} : { onprogress: (said) => onProgress(shareOf(said), said.message) }),
        },
      );
      const result = mountedResultSchema.parse(answer);
      if (JSON.stringify(result).length > MOUNT_LIMITS.resultBytes)
        throw new PorchlightError("mcp_failed", "The server's answer is larger than 1 MiB.");
      return result;
    } catch (cause) {
      if (signal.aborted) throw new PorchlightError("cancelled", undefined, { cause });
      throw failed(cause);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #list(): Promise<MountedTool[]> {
    try {
      const byName = new Map<string, MountedTool>();
      let cursor: string | undefined;
      for (let page = 0; page < MOUNT_LIMITS.pages; page++) {
        const params = cursor === undefined ? {} : { cursor };
        // A page at a time: the SDK's own walk has no end of ours.
        const answer = await this.#client.request({ method: "tools/list", params }, { timeout: MOUNT_LIMITS.listMs });
        for (const said of answer.tools) {
          const tool = await mountedTool(said);
          // Two of one name: nobody could say which of them was consented to.
          if (byName.has(tool.name))
            throw new PorchlightError("mcp_failed", "The server offers two tools of one name.");
          byName.set(tool.name, tool);
          if (byName.size > MOUNT_LIMITS.tools)
            throw new PorchlightError("mcp_failed", `The server offers more than ${MOUNT_LIMITS.tools} tools.`);
        }
        cursor = answer.nextCursor;
        if (cursor === undefined) return [...byName.values()];
      }
      throw new PorchlightError("mcp_failed", "The server's list of tools does not end.");
    } catch (cause) {
      throw failed(cause);
    }
  }
}

function failed(cause: unknown): PorchlightError {
  if (cause instanceof PorchlightError) return cause;
  // What a server says of its error is for the model, and cut.
  const words = cause instanceof ProtocolError ? cause.message.slice(0, 500).toWellFormed() : undefined;
  return new PorchlightError("mcp_failed", words === undefined ? undefined : `The server refused: ${words}`, { cause });
}

function shareOf({ progress, total }: { progress: number; total?: number | undefined }): number {
  return total === undefined || total <= 0 ? 0 : Math.min(1, Math.max(0, progress / total));
}
