import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { hooksOf } from "../home/hooks/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { shownOrigin } from "../origin.ts";
import { database } from "../store/database.ts";
import { deleteHook } from "../store/hooks.ts";
import {
  hookViewerOf,
  inboundDeliverySchema,
  inboundWebhookChangeSchema,
  inboundWebhookSchema,
  madeInboundWebhookSchema,
  rotationSchema,
  shownDelivery,
  shownHook,
  shownWholeDelivery,
  wholeInboundDeliverySchema,
} from "./inbound-webhooks-schema.ts";

const described = { tags: ["Inbound webhooks"] };
const params = z.object({ id: z.string().max(128) });
const missing = errorResponses("invalid_api_key", "forbidden", "not_found");
const deliveriesSchema = z.object({ deliveries: z.array(inboundDeliverySchema) }).openapi("InboundDeliveryList");

const changeRoute = createRoute({
  ...described,
  method: "patch",
  path: "/api/hooks/{id}",
  operationId: "changeInboundWebhook",
  summary: "Rename, pause or go on with an inbound webhook",
  description: "While it is paused, senders are told that there is nothing at its address.",
  request: { params, body: jsonBody(inboundWebhookChangeSchema) },
  responses: {
    200: { description: "The webhook.", content: jsonContent(inboundWebhookSchema) },
    ...errorResponses("invalid_request"),
    ...missing,
  },
});
const removeRoute = createRoute({
  ...described,
  method: "delete",
  path: "/api/hooks/{id}",
  operationId: "removeInboundWebhook",
  summary: "End an inbound webhook, with what waits and what is recorded",
  request: { params },
  responses: { 204: { description: "Ended." }, ...missing },
});
const rotateRoute = createRoute({
  ...described,
  method: "post",
  path: "/api/hooks/{id}/secret",
  operationId: "rotateInboundWebhookSecret",
  summary: "Give an inbound webhook another secret",
  description: "For 24 hours messages that are signed with the one before are taken too.",
  request: { params, body: jsonBody(rotationSchema, false) },
  responses: {
    200: { description: "The webhook with its secret, this one time.", content: jsonContent(madeInboundWebhookSchema) },
    ...errorResponses("invalid_request"),
    ...missing,
  },
});
const logRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/hooks/{id}/deliveries",
  operationId: "listInboundDeliveries",
  summary: "What arrived at an inbound webhook: the last 50",
  request: { params },
  responses: { 200: { description: "The latest first.", content: jsonContent(deliveriesSchema) }, ...missing },
});
const showRoute = createRoute({
  ...described,
  method: "get",
  path: "/api/hooks/{id}/deliveries/{delivery}",
  operationId: "showInboundDelivery",
  summary: "One message that arrived, and what came of it",
  request: { params: params.extend({ delivery: z.string().max(128) }) },
  responses: { 200: { description: "It.", content: jsonContent(wholeInboundDeliverySchema) }, ...missing },
});

/** `/api/hooks/{id}`: one address that others send to. */
export function mountInboundWebhook(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, changeRoute);
  app.patch("/api/hooks/:id", async (c) => {
    const to = await readJsonBody(c.req.raw, inboundWebhookChangeSchema);
    const account = accountOf(c);
    const hook = takeMade(await hooksOf(c.env, account.id).change(c.req.param("id"), hookViewerOf(account), to));
    return c.json(shownHook(hook, shownOrigin(c)));
  });

  registerRoute(app, removeRoute);
  app.delete("/api/hooks/:id", async (c) => {
    const account = accountOf(c);
    const id = c.req.param("id");
    if (!(await hooksOf(c.env, account.id).remove(id, hookViewerOf(account)))) throw noSuchWebhook();
    await deleteHook(database(c.env.DB), id);
    await audit(c, "webhook_removed");
    return c.body(null, 204);
  });

  registerRoute(app, rotateRoute);
  app.post("/api/hooks/:id/secret", async (c) => {
    const { secret: given } = await readJsonBody(c.req.raw, rotationSchema, { optional: true });
    const account = accountOf(c);
    const made = await hooksOf(c.env, account.id).rotate(c.req.param("id"), hookViewerOf(account), given);
    const { secret, ...hook } = takeMade(made);
    await audit(c, "webhook_secret_changed", { target: hook.name });
    c.header("cache-control", "no-store");
    return c.json({ ...shownHook(hook, shownOrigin(c)), secret } satisfies z.infer<typeof madeInboundWebhookSchema>);
  });

  registerRoute(app, logRoute);
  app.get("/api/hooks/:id/deliveries", async (c) => {
    const account = accountOf(c);
    const log = await hooksOf(c.env, account.id).deliveries(c.req.param("id"), hookViewerOf(account));
    if (log === undefined) throw noSuchWebhook();
    return c.json({ deliveries: log.map(shownDelivery) } satisfies z.infer<typeof deliveriesSchema>);
  });

  registerRoute(app, showRoute);
  app.get("/api/hooks/:id/deliveries/:delivery", async (c) => {
    const account = accountOf(c);
    const { id, delivery } = c.req.param();
    const found = await hooksOf(c.env, account.id).delivery(id, hookViewerOf(account), delivery);
    if (found === undefined) throw new PorchlightError("not_found", "There is no such message, or it is too long ago.");
    return c.json(shownWholeDelivery(found));
  });
}

function noSuchWebhook(): PorchlightError {
  return new PorchlightError("not_found", "There is no such webhook, or it is not yours.");
}
