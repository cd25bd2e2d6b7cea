import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import type { Approval } from "../home/plugins/loop/approval-table.ts";
import { approvalsOf } from "../home/plugins/loop/remote-approvals.ts";
import { accountOf } from "../middleware/authenticate.ts";

const approvalSchema = z
  .object({
    id: z.string(),
    tool: z.string().openapi({ description: "As the model calls it." }),
    source: z
      .string()
      .openapi({ description: "The plugin with its version, or the mounted server, and its own name of the tool." }),
    arguments: z.string().openapi({
      description:
        "JSON of exactly what the tool would be called with, short members first. What cannot be seen, or passes for another letter, is an escape.",
    }),
    hash: z.string().openapi({ description: "SHA-256 over package, tool and arguments: send it back with your word." }),
    answer: z.string().openapi({ description: "The id of the answer that waits." }),
    place: z.object({ sessionId: z.string(), index: z.number().int() }).nullable(),
    createdAt: z.iso.datetime(),
    deadline: z.iso.datetime().openapi({ description: "Not decided by then, it is denied." }),
    decision: z.enum(["allow", "deny"]).nullable(),
  })
  .openapi("Approval");

const decisionSchema = z
  .strictObject({
    decision: z.enum(["allow", "deny"]),
    hash: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .openapi("ApprovalDecision", { example: { decision: "allow", hash: "0".repeat(64) } });

const listRoute = createRoute({
  method: "get",
  path: "/api/approvals",
  operationId: "listApprovals",
  tags: ["Plugins"],
  summary: "List the calls that wait for your word",
  description:
    "Once an answer has seen what strangers wrote, a tool that writes or sends is called only when its person has allowed just this call.",
  responses: {
    200: {
      description: "Yours, the oldest first.",
      content: jsonContent(z.object({ approvals: z.array(approvalSchema) })),
    },
    ...errorResponses("invalid_api_key"),
  },
});

const decideRoute = createRoute({
  method: "post",
  path: "/api/approvals/{id}",
  operationId: "decideApproval",
  tags: ["Plugins"],
  summary: "Allow or deny a call",
  description: "Once, for this call alone, within ten minutes. The hash says which call you saw.",
  request: { params: z.object({ id: z.string().max(128) }), body: jsonBody(decisionSchema) },
  responses: {
    200: { description: "The approval as it is now.", content: jsonContent(approvalSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "not_found", "approval_changed", "approval_over"),
  },
});

/** `/api/approvals`: what models want done, and people have to allow. */
export function mountApprovals(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get("/api/approvals", async (c) => {
    const { id, userId } = accountOf(c);
    const waiting = await approvalsOf(c.env, id).list(userId);
    return c.json({ approvals: waiting.map(shownApproval) });
  });

  registerRoute(app, decideRoute);
  app.post("/api/approvals/:id", async (c) => {
    const word = await readJsonBody(c.req.raw, decisionSchema);
    const { id, userId } = accountOf(c);
    return c.json(shownApproval(takeMade(await approvalsOf(c.env, id).decide(userId, c.req.param("id"), word))));
  });
}

function shownApproval(approval: Approval): z.infer<typeof approvalSchema> {
  const { id, tool, source, arguments: text, hash, run, place, createdAtMs, deadlineMs, decision } = approval;
  return {
    id,
    tool,
    source,
    arguments: text,
    hash,
    answer: run,
    place: place ?? null,
    createdAt: new Date(createdAtMs).toISOString(),
    deadline: new Date(deadlineMs).toISOString(),
    decision: decision === "allow" || decision === "deny" ? decision : null,
  };
}
