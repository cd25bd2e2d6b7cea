import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { McpServers } from "../../../node-agent/mcp/mcp-servers.ts";
import { type McpCommands, writeMcpCommands } from "../../../node-agent/mcp/servers-file.ts";
import type { MountedResult } from "../../../shared/mcp/mounted-result.ts";
import type { MountedTool } from "../../../shared/mcp/mounted-tool.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const HOSTILE = fileURLToPath(new URL("../../support/mcp/hostile-server.ts", import.meta.url));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let servers: McpServers;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, "mcp.json");
  servers = new McpServers(file);
});
afterEach(async () => {
  await servers.stop();
  await folder[Symbol.asyncDispose]();
});

async function put(...hows: string[]): Promise<void> {
  const entries = hows.map((how) => [how, { command: process.execPath, args: [HOSTILE, how], folder: folder.path }]);
  await writeMcpCommands(file, Object.fromEntries(entries) as McpCommands); // An entry for each.
}

async function tools(name: string): Promise<MountedTool[]> {
  return await servers.use(name, async (client) => await client.tools());
}

async function call(name: string, { name: tool, digest }: MountedTool): Promise<MountedResult> {
  const signal = new AbortController().signal;
  return await servers.use(name, async (client) => await client.call({ tool, digest, input: {}, signal }));
}

async function one(name: string): Promise<MountedTool> {
  const [first] = await tools(name);
  if (first === undefined) throw new Error("no tool");
  return first;
}

describe("servers of MCP on this machine", () => {
  it("are those that its owner named, and gone with their names", async () => {
    await put("fine");
    expect(await call("fine", await one("fine"))).toEqual({ content: [{ type: "text", text: "true" }] });
    await expect(tools("other")).rejects.toMatchObject({ code: "not_found" });
    await expect(tools("__proto__")).rejects.toMatchObject({ code: "not_found" });
    await writeMcpCommands(file, {});
    await expect(tools("fine")).rejects.toMatchObject({ code: "not_found" });
    expect(await servers.names()).toEqual([]);
  });

  it("write unless they say that they only read, and their schemas lose what could hang the host", async () => {
    await put("silent-hint", "fine");
    expect((await one("silent-hint")).effect).toBe("write");
    const { effect, input } = await one("fine");
    expect(effect).toBe("read");
    expect(JSON.stringify(input)).not.toContain("pattern");
  });

  it.each(["endless", "many", "twins", "deep"])("are refused whose list is bad: %s", async (how) => {
    await put(how);
    await expect(tools(how)).rejects.toMatchObject({ code: "mcp_failed" });
  });

  it("are asked again whoever changes a tool after consent", async () => {
    await put("changing");
    const before = await one("changing");
    await call("changing", before); // Says on its way that its list changed.
    await expect(call("changing", before)).rejects.toMatchObject({ code: "mcp_changed" });
    const after = await one("changing");
    expect(after.digest).not.toBe(before.digest);
  });

  it.each(["large", "odd", "flood", "dies"])("cost that call alone: %s", async (how) => {
    await put(how, "fine");
    const tool = await one(how);
    await expect(call(how, tool)).rejects.toMatchObject({ code: "mcp_failed" });
    expect((await call("fine", await one("fine"))).content).toHaveLength(1);
    expect(await tools(how)).toHaveLength(1);
  });

  it("cannot forge answers, nor ask anything of the host", async () => {
    await put("forged");
    expect(await call("forged", await one("forged"))).toEqual({ content: [{ type: "text", text: "true" }] });
  });

  it("that never begin are not waited for without end, and a command that is none says so", async () => {
    await writeMcpCommands(file, { none: { command: join(folder.path, "no-such"), args: [], folder: folder.path } });
    await expect(tools("none")).rejects.toMatchObject({ code: "mcp_unreachable" });
    await put("mute");
    await expect(tools("mute")).rejects.toMatchObject({ code: "mcp_unreachable" });
  }, 60_000);
});
