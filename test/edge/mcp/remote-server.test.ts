import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useRemote } from "../../../edge/home/mcp/remote-server.ts";
import { mcpHandler } from "../../../edge/mcp/mcp-handler.ts";
import { MOUNT_LIMITS } from "../../../shared/mcp/limits.ts";
import { tool, tools } from "./fixture-tools.ts";

/** In place of the network: this product's own server, at one address. */
const asked: Request[] = [];
let answer: (request: Request) => Promise<Response>;
beforeEach(() => {
  asked.length = 0;
  const all = [tool("add", { effect: "write" })];
  const server = mcpHandler(tools(all, async () => await Promise.resolve({ ok: true, value: { sum: 3 } })));
  answer = async (request) => await server.fetch(request);
  vi.stubGlobal("fetch", async (url: string | URL, init?: RequestInit) => {
    const request = new Request(url, init);
    asked.push(request.clone());
    return await answer(request);
  });
});
afterEach(() => vi.unstubAllGlobals());

const from = (url: string): Parameters<typeof useRemote>[0] => ({ url, bearer: "secret", allowed: [] });
const list = async (url = "https://mcp.example/mcp"): Promise<string[]> =>
  await useRemote(from(url), async (client) => (await client.tools()).map(({ name, effect }) => `${name} ${effect}`));

describe("a server at an address", () => {
  it("is listed and called, by the secret that its person entered", async () => {
    expect(await list()).toEqual(["add write"]);
    expect(asked.every(({ headers }) => headers.get("authorization") === "Bearer secret")).toBe(true);
    const result = await useRemote(from("https://mcp.example/mcp"), async (client) => {
      const [{ name, digest } = { name: "", digest: "" }] = await client.tools();
      return await client.call({ tool: name, digest, input: {}, signal: new AbortController().signal });
    });
    expect(result.structuredContent).toEqual({ sum: 3 });
  });

  it("is not on a private network, and sends nobody elsewhere", async () => {
    for (const url of [
      "http://127.0.0.1/mcp",
      "https://10.0.0.7/mcp",
      "https://[fd00::1]/mcp",
      "http://localhost:8787/mcp",
    ])
      await expect(list(url), url).rejects.toMatchObject({ code: "mcp_unreachable" });
    expect(asked).toEqual([]);
    answer = async () => await Promise.resolve(Response.redirect("https://elsewhere.example/mcp", 307));
    await expect(list()).rejects.toMatchObject({ code: "mcp_unreachable" });
    expect(asked.every(({ url }) => new URL(url).host === "mcp.example")).toBe(true);
  });

  it("that is no server of MCP is refused", async () => {
    const page = { headers: { "content-type": "text/html" } };
    for (const [text, init] of [
      ["<p>hello</p>", page],
      ["", { status: 500 }],
      ["", { status: 401 }],
    ] as const) {
      answer = async () => await Promise.resolve(new Response(text, init));
      await expect(list()).rejects.toMatchObject({ code: "mcp_unreachable" });
    }
  });

  it("that says far too much is refused at once", async () => {
    const huge = JSON.stringify({ jsonrpc: "2.0", id: 0, result: { words: "x".repeat(MOUNT_LIMITS.messageBytes) } });
    answer = async () => await Promise.resolve(new Response(huge, { headers: { "content-type": "application/json" } }));
    const error: unknown = await list().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "mcp_unreachable" });
    const words: string[] = [];
    for (let cause = error; cause instanceof Error; cause = cause.cause) words.push(cause.message);
    expect(words).toContain("The server says too much.");
  });
});
