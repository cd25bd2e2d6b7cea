import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { readBytes } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { cancelKey, homeTools } from "../mcp/home-tools.ts";
import { MCP_LIMITS } from "../mcp/limits.ts";
import { mcpHandler } from "../mcp/mcp-handler.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { shownOrigin } from "../origin.ts";

/** A name that a client of the older revisions has its requests under: it tells two clients of one key apart. Nothing is kept by it. */
const SESSION_HEADER = "mcp-session-id";
const sessionSchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

/** What of a message matters here; the rest is the SDK's to read. */
const initializeSchema = z.object({ method: z.literal("initialize") });
const cancelledSchema = z.object({
  method: z.literal("notifications/cancelled"),
  params: z.object({ requestId: z.union([z.string().max(256), z.number()]) }),
});

/**
 * `/mcp`: what somebody has installed, as a server of MCP over streamable HTTP, by API key. It is no route of the API's document: its
 * messages are the protocol's.
 */
export function mountMcp(app: OpenAPIHono<AppEnv>): void {
  app.post("/mcp", async (c) => {
    requireOwnOrigin(c);
    const account = accountOf(c);
    const body = await readBytes(c.req.raw, MCP_LIMITS.bodyBytes);
    const message = readMessage(body);
    const session = sessionSchema.safeParse(c.req.header(SESSION_HEADER)).data;
    const cancelled = cancelledSchema.safeParse(message).data;
    if (cancelled !== undefined) {
      const key = cancelKey(account, session, cancelled.params.requestId);
      if (key !== undefined) await homeOf(c.env, account.id).cancelToolCall(key);
    }
    const { url, headers, signal } = c.req.raw;
    const request = new Request(url, { method: "POST", headers, body, signal });
    const response = await mcpHandler(homeTools(c, account, session)).fetch(request);
    if (!response.ok || !initializeSchema.safeParse(message).success) return response;
    const named = new Response(response.body, response);
    named.headers.set(SESSION_HEADER, crypto.randomUUID());
    return named;
  });
}

/** Undefined for what is no JSON: the SDK says so in its own words. */
function readMessage(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

/** Pages of other sites may not ask, nor those whose name was bent to this address. Programs send no origin. */
function requireOwnOrigin(c: Context<AppEnv>): void {
  const origin = c.req.header("origin");
  if (origin === undefined || origin === shownOrigin(c)) return;
  throw new PorchlightError("forbidden", "Pages of other sites may not ask here.");
}
