import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { beforeAll, describe, expect, it } from "vitest";
import { MCP_LIMITS } from "../../../edge/mcp/limits.ts";
import { bearer, insertKey, ORIGIN, type Owner, request, setUp } from "../support/edge.ts";

let owner: Owner;
let apiKey: string;
beforeAll(async () => {
  owner = await setUp();
  apiKey = await insertKey(owner.accountId, "plugins");
});

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

async function post(body: unknown, headers: Record<string, string> = bearer(apiKey)): Promise<Response> {
  const accept = "application/json, text/event-stream";
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return await request("/mcp", {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...headers },
    body: text,
  });
}

describe("/mcp", () => {
  it("is for keys with the scope plugins, and says so to others", async () => {
    const unknown = await post(INITIALIZE, {});
    expect(unknown.status).toBe(401);
    expect(unknown.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect((await post(INITIALIZE, bearer(await insertKey(owner.accountId, "inference")))).status).toBe(403);
    expect((await post(INITIALIZE)).status).toBe(200);
  });

  it("answers no page of another site", async () => {
    expect((await post(INITIALIZE, { ...bearer(apiKey), origin: "https://evil.example" })).status).toBe(403);
    expect((await post(INITIALIZE, { ...bearer(apiKey), origin: ORIGIN })).status).toBe(200);
  });

  it("serves the SDK's own client, of the current revision and of those before", async () => {
    for (const mode of ["auto", "legacy"] as const) {
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
      const transport = new StreamableHTTPClientTransport(new URL(`${ORIGIN}/mcp`), {
        fetch: async (url, init) => await request(new URL(url).pathname, init),
        requestInit: { headers: bearer(apiKey) },
      });
      await client.connect(transport);
      expect(client.getServerVersion()?.name).toBe("porchlight");
      expect((await client.listTools()).tools).toEqual([]);
      await expect(client.callTool({ name: "no__such" })).rejects.toMatchObject({ code: -32602 });
      await client.close();
    }
  });

  it("refuses what is no message, too large or of another kind", async () => {
    for (const body of ["{", "[]", "null", '{"jsonrpc":"1.0"}', { jsonrpc: "2.0", id: {}, method: 7 }]) {
      const answer = await post(body);
      expect(answer.status, JSON.stringify(body)).toBeGreaterThanOrEqual(400);
      expect(answer.status, JSON.stringify(body)).toBeLessThan(500);
      await answer.body?.cancel();
    }
    expect((await post(" ".repeat(MCP_LIMITS.bodyBytes + 1))).status).toBe(413);
    expect((await post("{}", { ...bearer(apiKey), "content-type": "text/plain" })).status).toBe(415);
    expect((await request("/mcp", { headers: bearer(apiKey) })).status).toBe(405);
  });

  it("takes back only calls of the same key and session", async () => {
    const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } };
    expect((await post(cancelled, { ...bearer(apiKey), "mcp-session-id": "abc" })).status).toBe(202);
    expect((await post({ ...cancelled, params: { requestId: { $gt: 1 } } })).status).toBeLessThan(500);
  });
});
