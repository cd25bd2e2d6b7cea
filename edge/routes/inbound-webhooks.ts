import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { toBase64Url } from "../../shared/protocol/base64url.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { hooksOf } from "../home/hooks/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { shownOrigin } from "../origin.ts";
import { database } from "../store/database.ts";
import { deleteHook, insertHook } from "../store/hooks.ts";
import {
  hookTargetOf,
  hookViewerOf,
  inboundWebhookSchema,
  madeInboundWebhookSchema,
  newInboundWebhookSchema,
  shownHook,
} from "./inbound-webhooks-schema.ts";
import { scheduleOwnerOf } from "./schedules-schema.ts";

const listSchema = z.object({ webhooks: z.array(inboundWebhookSchema) }).openapi("InboundWebhookList");
/** 192 bits: nobody comes upon it. */
const ID_BYTES = 24;

const listRoute = createRoute({
  method: "get",
  path: "/api/hooks",
  operationId: "listInboundWebhooks",
  tags: ["Inbound webhooks"],
  summary: "List the addresses that others send to",
  description: "A person sees their own, a key those that it made.",
  responses: {
    200: { description: "The latest first.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/hooks",
  operationId: "createInboundWebhook",
  tags: ["Inbound webhooks"],
  summary: "Make an address that others send to",
  description:
    "What arrives there, signed, goes to a plugin of yours, which runs as you with what you granted it, or into a conversation as a turn " +
    "that strangers wrote: a tool that writes or sends then waits for your word.",
  request: { body: jsonBody(newInboundWebhookSchema) },
  responses: {
    201: { description: "The address with its secret, this one time.", content: jsonContent(madeInboundWebhookSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "hooks_full"),
  },
});

/** `GET` and `POST /api/hooks`. */
export function mountInboundWebhooks(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const account = accountOf(c);
    const hooks = await hooksOf(c.env, account.id).list(hookViewerOf(account));
    const webhooks = hooks.map((hook) => shownHook(hook, shownOrigin(c)));
    return c.json({ webhooks } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const body = await readJsonBody(c.req.raw, newInboundWebhookSchema);
    const account = accountOf(c);
    const { name, signature, secret: given, locale, timeZone } = body;
    const wanted = { name, target: hookTargetOf(account, body), signature, secret: given, locale, timeZone };
    const id = `hook_${toBase64Url(crypto.getRandomValues(new Uint8Array(ID_BYTES)))}`;
    const db = database(c.env.DB);
    // First what leads to it, so that no address is anywhere that its person does not see.
    await insertHook(db, { id, accountId: account.id, userId: account.userId, createdAt: Date.now() });
    const made = await hooksOf(c.env, account.id).add(id, scheduleOwnerOf(account), wanted);
    if ("error" in made) await deleteHook(db, id);
    const { secret, ...hook } = takeMade(made);
    await audit(c, "webhook_made", { target: name });
    c.header("cache-control", "no-store");
    const shown = { ...shownHook(hook, shownOrigin(c)), secret };
    return c.json(shown satisfies z.infer<typeof madeInboundWebhookSchema>, 201);
  });
}
