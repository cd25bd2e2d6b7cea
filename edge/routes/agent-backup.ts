import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { isDeeperThan } from "../../shared/api/json-depth.ts";
import { errorResponses, jsonBody, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { type BackupCall, backupCallSchema } from "../../shared/archive/backup-calls.ts";
import { ARCHIVE_LIMITS } from "../../shared/archive/limits.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { verifyBackup } from "../../shared/protocol/signatures.ts";
import { audit } from "../credentials/audit.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { sessionsOf } from "../home/sessions/remote-desk.ts";
import { type BackupStore, bucketBackup } from "../home/sessions/tiers/backup-store.ts";
import { originOf } from "../origin.ts";
import { findAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";

/** A call that hands turns back: as JSON in JSON, it may be twice as long. */
const BODY_BYTES = 2 * ARCHIVE_LIMITS.adoptBytes;

const bodySchema = z
  .strictObject({
    time: z.number().int().nonnegative().openapi({ description: "Now, in Unix milliseconds." }),
    call: z.string().openapi({ description: "What is asked for, as JSON: `list`, `get` or `adopt`." }),
    signature: z
      .string()
      .length(86)
      .openapi({ description: "Ed25519 over label, origin, id, time and the call's hash (PROTOCOL.md)." }),
  })
  .openapi("BackupCall");

const route = createRoute({
  method: "post",
  path: "/api/agents/{id}/backup",
  operationId: "restoreBackup",
  tags: ["Machines"],
  summary: "Fetch the household's sealed conversations",
  description:
    "What `porchlight restore` calls, by the machine's own key: names of sealed objects, one of them, or a conversation that the " +
    "machine has opened and keeps again. The edge has no key for any of them.",
  security: [],
  request: { params: z.object({ id: z.string().max(128) }), body: jsonBody(bodySchema) },
  responses: {
    200: { description: "Names or a state as JSON; an object as it was sealed." },
    ...errorResponses("invalid_request", "agent_unknown", "not_found"),
  },
});

export function mountAgentBackup(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, route);
  app.post("/api/agents/:id/backup", async (c) => {
    const agent = await findAgent(database(c.env.DB), c.req.param("id"));
    // Before the body is read: a stranger costs no more than this.
    if (!agent || agent.revokedAt !== null) throw new PorchlightError("agent_unknown");
    const { time, call, signature } = await readJsonBody(c.req.raw, bodySchema, { limitBytes: BODY_BYTES });
    const now = Date.now();
    if (Math.abs(now - time) > CREDENTIAL_LIMITS.leaveMs) {
      const message = `Invalid value for 'time': this edge's clock says ${new Date(now).toISOString()}. Set yours.`;
      throw new PorchlightError("invalid_request", message, { param: "time" });
    }
    const claims = { origin: originOf(c), agentId: agent.id, time, call };
    if (!(await verifyBackup(agent.publicKey, signature, claims))) throw new PorchlightError("agent_unknown");
    const wanted = parseCall(call);
    const { accountId, id, name } = agent;
    if (wanted.op === "adopt") {
      const sessions = sessionsOf(c.env, accountId);
      return c.json({ state: takeMade(await sessions.adopt(id, wanted.head, wanted.turns)) });
    }
    if (c.env.BACKUPS === undefined) throw new PorchlightError("not_found", "This edge keeps no backup.");
    const store = bucketBackup(c.env.BACKUPS, accountId);
    if (wanted.op === "list" && wanted.after === undefined) {
      await audit(c, "backup_fetched", { target: name, actor: { accountId, id, name } });
    }
    return await read(store, wanted);
  });
}

async function read(store: BackupStore, call: Exclude<BackupCall, { op: "adopt" }>): Promise<Response> {
  if (call.op === "list") return Response.json({ names: await store.list("", call.after) });
  const sealed = await store.get(call.name);
  if (sealed === undefined) throw new PorchlightError("not_found", `The backup has no ${call.name}.`);
  return new Response(sealed, { headers: { "content-type": "application/octet-stream", "cache-control": "no-store" } });
}

/** Throws PorchlightError for what is no call. */
function parseCall(text: string): BackupCall {
  if (isDeeperThan(new TextEncoder().encode(text), API_LIMITS.jsonDepth)) throw new PorchlightError("json_too_deep");
  let call: unknown;
  try {
    call = JSON.parse(text);
  } catch (cause) {
    throw new PorchlightError("invalid_json", undefined, { cause });
  }
  return parseWith(backupCallSchema, call);
}
