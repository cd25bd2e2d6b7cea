import { z } from "zod";
import { askMarket as ask } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAccess, edgeAccess } from "./edge-access.ts";
import { householdOf } from "./household.ts";
import type { McpFlags } from "./mcp.ts";
import { afterSignIn } from "./mcp-sign-in.ts";
import { agreed } from "./plugin-install.ts";
import { printable, say, styled } from "./terminal.ts";

const toolSchema = z.object({ name: z.string(), description: z.string(), effect: z.enum(["read", "write"]) });
const lookedSchema = z.object({ tools: z.array(toolSchema), digest: z.string() });
const serversSchema = z.object({
  servers: z.array(z.object({ name: z.string() })),
  found: z.array(z.object({ agentId: z.string(), server: z.string() })),
});
const nothing = z.unknown();

/** Shows what a server of this machine (or the one at `url`) offers, and mounts it once its person has agreed. */
export async function mountServer(flags: McpFlags, name: string, url: string | undefined): Promise<number> {
  const access = await edgeAccess(flags);
  const from =
    url === undefined
      ? { kind: "machine", agentId: await machineOf(access, flags, name), server: name }
      : { kind: "remote", url };
  // Never as an argument, which other programs of this machine could read.
  const token = process.env.PORCHLIGHT_MCP_TOKEN ?? "";
  const bearer = url === undefined || token === "" ? {} : { bearer: token };
  const looking = {
    method: "POST",
    body: { from, name, ...bearer },
    schema: lookedSchema,
    what: "look at this server",
  } as const;
  const look = async (): Promise<z.infer<typeof lookedSchema>> => await ask(access, "/api/mcp-servers/look", looking);
  const { tools, digest } = url === undefined ? await look() : await afterSignIn(access, { name, url }, look);
  say(`${name} offers:`);
  for (const { name: tool, description, effect } of tools) {
    const [line = ""] = description.split("\n");
    const mark = effect === "write" ? styled("yellow", " (may change things)") : "";
    say(`  ${printable(tool)}${mark}  ${printable(line.slice(0, 100))}`);
  }
  say("What they answer counts as written by strangers: after it, tools that change things ask you first.");
  if (!flags.yes && !(await agreed("Let your models use them?"))) {
    say("Nothing was mounted.");
    return 1;
  }
  const body = { name, from, digest, ...bearer };
  await ask(access, "/api/mcp-servers", { method: "POST", body, schema: nothing, what: "mount this server" });
  say(`${styled("green", "✓")} ${name} is mounted.`);
  return 0;
}

/** The machine that has this server: where several have one of that name, this one. */
async function machineOf(access: EdgeAccess, flags: McpFlags, name: string): Promise<string> {
  const { found } = await ask(access, "/api/mcp-servers", { schema: serversSchema, what: "list mounted servers" });
  const [first, ...others] = found.filter(({ server }) => server === name);
  if (first === undefined)
    throw new CommandError(
      "bad_usage",
      `No machine that is online has a server '${name}'. Add it, on the machine: porchlight mcp add ${name} -- COMMAND`,
    );
  return others.length === 0 ? first.agentId : (await householdOf(flags.data)).identity.pairing.agentId;
}

/** Returns whether there was one. False too where no edge can be asked: a server that is gone from its machine answers nobody. */
export async function unmountServer(flags: McpFlags, name: string): Promise<boolean> {
  let access: EdgeAccess;
  try {
    access = await edgeAccess(flags);
  } catch (error) {
    if (error instanceof CommandError && error.code === "not_ready") return false;
    throw error;
  }
  const { servers } = await ask(access, "/api/mcp-servers", { schema: serversSchema, what: "list mounted servers" });
  if (!servers.some((one) => one.name === name)) return false;
  await ask(access, `/api/mcp-servers/${name}`, { method: "DELETE", schema: nothing, what: "unmount this server" });
  return true;
}
