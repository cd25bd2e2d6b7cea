import type { Hono } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { CLOSE_CODES, type CloseCode } from "../../shared/protocol/close-codes.ts";
import { refuse } from "../../shared/protocol/edge-handshake.ts";
import { agentIdSchema } from "../../shared/protocol/handshake.ts";
import type { AppEnv } from "../env.ts";
import { homeOf } from "../home/backend.ts";
import { encodeDial } from "../home/dial.ts";
import { originOf } from "../origin.ts";
import { findAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

/** `GET /tunnel`: a paired machine dials in. Nothing but its signature, which the Home object asks for, says who it is. */
export function mountTunnel(app: Hono<AppEnv>): void {
  app.get("/tunnel", async (c) => {
    // Browsers always send Origin, and no page may hold a tunnel.
    if (c.req.header("origin") !== undefined) {
      throw new PorchlightError("forbidden", "Pages may not open a tunnel. Use 'porchlight connect' on the machine.");
    }
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw new PorchlightError("upgrade_required");
    const agentId = agentIdSchema.safeParse(c.req.header("porchlight-agent"));
    if (!agentId.success) {
      throw new PorchlightError("invalid_request", "The header 'porchlight-agent' must hold the machine's id.");
    }
    const agent = await findAgent(database(c.env.DB), agentId.data);
    if (!agent) return closedSocket(CLOSE_CODES.auth, "agent_unknown");
    if (agent.revokedAt !== null) return closedSocket(CLOSE_CODES.revoked, "agent_revoked");
    const dial = { agentId: agent.id, publicKey: agent.publicKey, origin: originOf(c) };
    return await homeOf(c.env, agent.accountId).fetch(encodeDial(dial));
  });
}

/** Accepts only to close: a code is what the machine understands; of a refused upgrade it would see no reason. */
function closedSocket(code: CloseCode, reason: "agent_unknown" | "agent_revoked"): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const { bytes } = refuse(code, reason);
  if (bytes) server.send(bytes);
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client });
}
