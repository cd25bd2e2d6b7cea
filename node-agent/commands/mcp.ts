import { resolve } from "node:path";
import { MOUNT_LIMITS, SERVER_NAME } from "../../shared/mcp/limits.ts";
import { dataFolder } from "../data-folder.ts";
import { McpServers } from "../mcp/mcp-servers.ts";
import { readMcpCommands, writeMcpCommands } from "../mcp/servers-file.ts";
import { CommandError } from "./command-error.ts";
import { mountServer, unmountServer } from "./mcp-mount.ts";
import { printable, say, styled } from "./terminal.ts";

export interface McpFlags {
  json: boolean;
  yes: boolean;
  data?: string;
  origin?: string;
}

/** `porchlight mcp`: servers of the Model Context Protocol on this machine, and which of them models may use. */
export async function mcp(flags: McpFlags, [action = "list", ...rest]: string[]): Promise<number> {
  const { mcp: file } = dataFolder(flags.data);
  if (action === "list" && rest.length === 0) return await list(flags, file);
  const [name, ...words] = rest;
  if (name === undefined || !SERVER_NAME.test(name))
    throw new CommandError("bad_usage", "Name the server: small letters, digits and '-', such as 'files'.");
  // An address starts nothing on this machine: it is mounted.
  if (action === "add" && words.length === 1 && /^https?:\/\//.test(words[0] ?? ""))
    return await mountServer(flags, name, words[0]);
  if (action === "add") return await add(file, name, words);
  if (action === "remove" && words.length === 0) return await remove(flags, file, name);
  if (action === "mount" && words.length <= 1) return await mountServer(flags, name, words[0]);
  throw new CommandError("bad_usage", `'porchlight mcp' cannot do that. See 'porchlight mcp --help'.`);
}

async function list(flags: McpFlags, file: string): Promise<number> {
  const commands = await readMcpCommands(file);
  if (flags.json) process.stdout.write(`${JSON.stringify(commands)}\n`);
  else if (Object.keys(commands).length === 0)
    say("This machine has no servers of MCP. Add one: porchlight mcp add NAME -- COMMAND ARGUMENTS");
  else
    for (const [name, { command, args }] of Object.entries(commands))
      say(`${name}  ${printable([command, ...args].join(" "))}`);
  return 0;
}

/** Starts it once, so that a command that does not work is told now, and not in the midst of a conversation. */
async function add(file: string, name: string, [command, ...args]: string[]): Promise<number> {
  if (command === undefined)
    throw new CommandError("bad_usage", `Say what starts it: porchlight mcp add ${name} -- COMMAND ARGUMENTS`);
  const before = await readMcpCommands(file);
  const after = { ...before, [name]: { command, args, folder: resolve(".") } };
  if (Object.keys(after).length > MOUNT_LIMITS.servers)
    throw new CommandError("bad_usage", `A machine has at most ${MOUNT_LIMITS.servers} servers. Remove one first.`);
  await writeMcpCommands(file, after);
  const servers = new McpServers(file);
  try {
    const tools = await servers.use(name, async (client) => await client.tools());
    say(
      `${styled("green", "✓")} ${name} offers ${tools.length} tools. Nobody may use them yet: porchlight mcp mount ${name}`,
    );
    return 0;
  } catch (cause) {
    await writeMcpCommands(file, before);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError("request_failed", printable(`'${command}' was not added. ${why}`), { cause });
  } finally {
    await servers.stop();
  }
}

/** From the machine, and from what its owner mounted where that can be reached. */
async function remove(flags: McpFlags, file: string, name: string): Promise<number> {
  const { [name]: found, ...rest } = await readMcpCommands(file);
  if (found !== undefined) await writeMcpCommands(file, rest);
  const unmounted = await unmountServer(flags, name);
  if (found === undefined && !unmounted) throw new CommandError("bad_usage", `There is no server '${name}'.`);
  say(`${styled("green", "✓")} ${name} is removed.`);
  return 0;
}
