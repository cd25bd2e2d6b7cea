import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { jobsOf } from "../home/jobs/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { madeWebhookSchema, shownWebhook } from "./webhooks-schema.ts";

const params = z.object({ id: z.string().max(128) });

const deleteRoute = createRoute({
  method: "delete",
  path: "/api/webhooks/{id}",
  operationId: "deleteWebhook",
  tags: ["Jobs"],
  summary: "Remove a webhook, with what waits for it",
  request: { params },
  responses: { 204: { description: "Removed." }, ...errorResponses("invalid_api_key", "forbidden", "not_found") },
});

const rotateRoute = createRoute({
  method: "post",
  path: "/api/webhooks/{id}/secret",
  operationId: "rotateWebhookSecret",
  tags: ["Jobs"],
  summary: "Give a webhook another secret",
  description: "For 24 hours both sign every message, so that the receiver can change over without losing one.",
  request: { params },
  responses: {
    200: { description: "The webhook with its new secret, this one time.", content: jsonContent(madeWebhookSchema) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found"),
  },
});

const testRoute = createRoute({
  method: "post",
  path: "/api/webhooks/{id}/test",
  operationId: "testWebhook",
  tags: ["Jobs"],
  summary: "Send a webhook a message of type webhook.test",
  request: { params },
  responses: {
    202: { description: "It is on its way.", content: jsonContent(z.object({})) },
    ...errorResponses("invalid_api_key", "forbidden", "not_found"),
  },
});

/** `/api/webhooks/{id}`: one webhook. */
export function mountWebhook(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, deleteRoute);
  app.delete("/api/webhooks/:id", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await jobsOf(c.env, id).removeReceiver(userId, c.req.param("id")))) throw noSuchWebhook();
    await audit(c, "webhook_removed");
    return c.body(null, 204);
  });

  registerRoute(app, rotateRoute);
  app.post("/api/webhooks/:id/secret", async (c) => {
    const { id, userId } = accountOf(c);
    const made = await jobsOf(c.env, id).rotateSecret(userId, c.req.param("id"));
    if (!made) throw noSuchWebhook();
    await audit(c, "webhook_secret_changed", { target: new URL(made.url).host });
    c.header("cache-control", "no-store");
    const { secret, ...receiver } = made;
    return c.json({ ...shownWebhook(receiver, Date.now()), secret } satisfies z.infer<typeof madeWebhookSchema>);
  });

  registerRoute(app, testRoute);
  app.post("/api/webhooks/:id/test", async (c) => {
    const { id, userId } = accountOf(c);
    if (!(await jobsOf(c.env, id).testReceiver(userId, c.req.param("id")))) throw noSuchWebhook();
    return c.json({}, 202);
  });
}

function noSuchWebhook(): PorchlightError {
  return new PorchlightError("not_found", "There is no such webhook, or it is not yours. Reload the page.");
}
