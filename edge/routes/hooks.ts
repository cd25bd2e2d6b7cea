import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readBytes } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { HOOK_LIMITS } from "../home/hooks/limits.ts";
import { hooksOf } from "../home/hooks/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { database } from "../store/database.ts";
import { accountOfHook, deleteHook } from "../store/hooks.ts";

/** What is read of a message's headers: its signature, and what says what it is. */
const SIGNATURE_HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256"];
const KEPT_HEADERS = [
  "content-type",
  "user-agent",
  "webhook-id",
  "webhook-timestamp",
  "x-event-key",
  "x-forgejo-delivery",
  "x-forgejo-event",
  "x-gitea-delivery",
  "x-gitea-event",
  "x-github-delivery",
  "x-github-event",
];
const MOST_SIGNATURE_CHARACTERS = 2_000;
const ID = /^hook_[A-Za-z0-9_-]{32}$/;

const receiveRoute = createRoute({
  method: "post",
  path: "/hooks/{id}",
  operationId: "receiveWebhook",
  tags: ["Inbound webhooks"],
  summary: "Send a message to an inbound webhook",
  description:
    "The address is secret, and the message is signed: by Standard Webhooks (`webhook-id`, `webhook-timestamp` within five minutes, " +
    "`webhook-signature`) or as GitHub does (`x-hub-signature-256`), whichever the webhook was made for. 256 KiB at most. The same message " +
    "again is answered 200 and not worked on again, for seven days; one that failed is. Messages signed as GitHub does have no time: there the " +
    "same body is the same message. What a plugin has to say within 10 s is the answer, else 202.",
  security: [],
  request: {
    params: z.object({ id: z.string() }),
    body: { required: true, content: { "*/*": { schema: { type: "string", format: "binary" } } } },
  },
  responses: {
    200: { description: 'What the plugin answers; or `{status: "duplicate"}`.', content: jsonContent(z.unknown()) },
    202: {
      description: "It was taken.",
      content: jsonContent(z.object({ status: z.literal("accepted"), id: z.string() })),
    },
    ...errorResponses("hook_signature_wrong", "not_found", "body_too_large", "rate_limited", "plugin_failed"),
  },
});

/** `POST /hooks/{id}`: where others send to. */
export function mountHooks(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, receiveRoute);
  app.post("/hooks/:id", async (c) => {
    const id = c.req.param("id");
    const db = database(c.env.DB);
    const accountId = ID.test(id) ? await accountOfHook(db, id) : undefined;
    if (accountId === undefined) throw new PorchlightError("not_found");
    const body = await readBytes(c.req.raw, HOOK_LIMITS.bodyBytes);
    const message = { headers: headersOf(c.req.raw.headers), body };
    const answer = takeMade(await hooksOf(c.env, accountId).receive(id, message));
    if (answer === "gone") {
      // It ended with its plugin.
      await deleteHook(db, id);
      throw new PorchlightError("not_found");
    }
    return c.body(answer.body, answer.status, { "content-type": "application/json" });
  });
}

function headersOf(headers: Headers): Record<string, string> {
  const taken = (names: readonly string[], most: number): [string, string][] =>
    names.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value.slice(0, most)]];
    });
  return Object.fromEntries([
    ...taken(KEPT_HEADERS, HOOK_LIMITS.headerCharacters),
    ...taken(SIGNATURE_HEADERS, MOST_SIGNATURE_CHARACTERS),
  ]);
}
