import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { PorchlightError } from "../../shared/errors.ts";
import { MOUNT_LIMITS } from "../../shared/mcp/limits.ts";
import { MountedClient } from "../../shared/mcp/mounted-client.ts";
import { VERSION } from "../version.ts";
import { type McpCommand, readMcpCommands } from "./servers-file.ts";

interface Running {
  /** Of the command it was started by. */
  of: string;
  client: Promise<MountedClient>;
  using: number;
  idle?: NodeJS.Timeout;
}

/** This machine's servers of MCP, each a process from its first use until nobody has used it for a while. */
export class McpServers {
  readonly #file: string;
  readonly #running = new Map<string, Running>();
  #stopped = false;

  /** @param file see `readMcpCommands`; read at every use, so what its owner adds or removes holds at once */
  constructor(file: string) {
    this.#file = file;
  }

  async names(): Promise<string[]> {
    return Object.keys(await readMcpCommands(this.#file)).toSorted();
  }

  /** Uses a server, started if it is not running. Throws PorchlightError `not_found` or `mcp_unreachable`, and what `use` throws. */
  async use<T>(name: string, use: (client: MountedClient) => Promise<T>): Promise<T> {
    const commands = await readMcpCommands(this.#file);
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined || this.#stopped) {
      await this.#end(name);
      throw new PorchlightError("not_found", `This machine has no MCP server '${name}'.`);
    }
    const running = await this.#start(name, command);
    running.using += 1;
    clearTimeout(running.idle);
    try {
      return await use(await running.client);
    } finally {
      running.using -= 1;
      if (running.using === 0 && this.#running.get(name) === running) this.#endLater(name, running);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running.keys()].map(async (name) => await this.#end(name)));
  }

  async #start(name: string, command: McpCommand): Promise<Running> {
    const of = JSON.stringify(command);
    const before = this.#running.get(name);
    if (before?.of === of) return before;
    await this.#end(name);
    const forget = (): void => {
      if (this.#running.get(name) === running) this.#running.delete(name);
    };
    const running: Running = { of, client: MountedClient.connect(transportOf(command), VERSION, forget), using: 0 };
    running.client.catch(forget); // The next use tries again.
    this.#running.set(name, running);
    return running;
  }

  #endLater(name: string, running: Running): void {
    running.idle = setTimeout(() => void this.#end(name), MOUNT_LIMITS.idleMs);
    running.idle.unref();
  }

  async #end(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    clearTimeout(running.idle);
    this.#running.delete(name);
    const client = await running.client.catch(() => undefined); // One that never came is over already.
    await client?.close();
  }
}

/** Without a shell, and without this process's environment but for what every program needs. */
function transportOf({ command, args, folder }: McpCommand): StdioClientTransport {
  return new StdioClientTransport({
    command,
    args,
    cwd: folder,
    stderr: "ignore",
    maxBufferSize: MOUNT_LIMITS.messageBytes,
  });
}
