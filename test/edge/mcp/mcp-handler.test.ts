import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ToolOutcome } from "../../../edge/home/plugins/tool-box.ts";
import { MCP_LIMITS } from "../../../edge/mcp/limits.ts";
import { type McpTools, mcpHandler } from "../../../edge/mcp/mcp-handler.ts";
import { tool, tools } from "./fixture-tools.ts";

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

/** The SDK's own client, at a handler in this process. */
async function connected(of: McpTools, mode: "legacy" | "auto"): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  const handler = mcpHandler(of);
  const fetchHere = async (url: string | URL, init?: RequestInit): Promise<Response> =>
    await handler.fetch(new Request(url, init));
  await client.connect(new StreamableHTTPClientTransport(new URL("https://edge.test/mcp"), { fetch: fetchHere }));
  open.push(client);
  return client;
}

const done = (value: unknown): ToolOutcome => ({ ok: true, value });

describe.each(["legacy", "auto"] as const)("tools at /mcp, %s", (mode) => {
  it("are listed, a page at a time, with what they may do", async () => {
    const many = Array.from({ length: MCP_LIMITS.pageTools + 7 }, (_, n) => tool(`t${String(n).padStart(4, "0")}`));
    many[3] = tool("t0003", { effect: "write", taints: true });
    const client = await connected(
      tools(many, async () => await Promise.resolve(done(1))),
      mode,
    );
    const listed = await client.listTools();
    const last = await client.listTools({ cursor: "t0099" });
    const all = [...listed.tools, ...(listed.nextCursor === undefined ? [] : last.tools)];
    expect([...new Set(all.map(({ name }) => name))]).toEqual(many.map(({ name }) => name));
    expect(all.find(({ name }) => name === "t0003")?.annotations).toMatchObject({
      readOnlyHint: false,
      openWorldHint: true,
    });
    await expect(client.listTools({ cursor: "../../etc" })).rejects.toMatchObject({ code: -32602 });
  });

  it("answer with text, and with what is structured; their failures are results", async () => {
    const outcomes: Record<string, ToolOutcome> = {
      words: done("so it is"),
      object: done({ sum: 3 }),
      list: done([1, 2]),
      failing: { ok: false, error: { code: "plugin_failed", message: "It fell." } },
    };
    const all = Object.keys(outcomes).map((name) => tool(name));
    const client = await connected(
      tools(all, async ({ tool: name }) => await Promise.resolve(outcomes[name] ?? done(null))),
      mode,
    );
    expect(await client.callTool({ name: "words" })).toMatchObject({ content: [{ type: "text", text: "so it is" }] });
    expect(await client.callTool({ name: "object" })).toMatchObject({ structuredContent: { sum: 3 } });
    expect(await client.callTool({ name: "list" })).toMatchObject({ content: [{ text: "[1,2]" }] });
    expect(await client.callTool({ name: "failing" })).toMatchObject({
      isError: true,
      content: [{ text: "plugin_failed: It fell." }],
    });
    await expect(client.callTool({ name: "no-such" })).rejects.toMatchObject({ code: -32602 });
  });

  it("pass on what a mounted server answered, pictures too; but nothing that is no content", async () => {
    const source = { kind: "mcp", server: "pictures", tool: "draw" } as const;
    const picture = { type: "image", data: "AAAA", mimeType: "image/png" } as const;
    let value: unknown = { content: [picture] };
    const client = await connected(
      tools([tool("pictures__draw", { source })], async () => await Promise.resolve(done(value))),
      mode,
    );
    expect((await client.callTool({ name: "pictures__draw" })).content).toEqual([picture]);
    value = { content: [{ type: "tool_use", id: "x" }] };
    expect((await client.callTool({ name: "pictures__draw" })).content).toEqual([
      { type: "text", text: JSON.stringify(value) },
    ]);
  });

  it("tell how far they are, and stop when they are taken back", async () => {
    const heard: number[] = [];
    const ended = vi.fn<() => void>();
    const client = await connected(
      tools([tool("long")], async ({ signal, onProgress }) => {
        onProgress?.(0.5, "half");
        onProgress?.(0.25, "back"); // Never told: progress only grows.
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        ended();
        return { ok: false, error: { code: "cancelled", message: "It was taken back." } };
      }),
      mode,
    );
    const stop = new AbortController();
    const call = client.callTool(
      { name: "long" },
      { signal: stop.signal, onprogress: ({ progress }) => heard.push(progress) },
    );
    await vi.waitFor(() => expect(heard).toEqual([0.5]));
    stop.abort();
    await expect(call).rejects.toThrow();
    // Over streamable HTTP the older revisions take calls back by a message of their own: see the route's test.
    if (mode === "auto") await vi.waitFor(() => expect(ended).toHaveBeenCalled());
  });
});
