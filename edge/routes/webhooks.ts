import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { judgeUrl, type UrlRefusal } from "../../shared/net/outbound-url.ts";
import { audit } from "../credentials/audit.ts";
import type { AppEnv } from "../env.ts";
import { jobsOf } from "../home/jobs/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { allowedHosts } from "../webhooks/allowed-hosts.ts";
import { madeWebhookSchema, newWebhookSchema, shownWebhook, webhookSchema } from "./webhooks-schema.ts";

const listSchema = z.object({ webhooks: z.array(webhookSchema) }).openapi("WebhookList");

const listRoute = createRoute({
  method: "get",
  path: "/api/webhooks",
  operationId: "listWebhooks",
  tags: ["Jobs"],
  summary: "List your webhooks, with what came of the last messages",
  responses: {
    200: { description: "Your webhooks.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key", "forbidden"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/webhooks",
  operationId: "createWebhook",
  tags: ["Jobs"],
  summary: "Be told when a job ends",
  description:
    "Each job of yours that ends is told to the address by a POST in the form of Standard Webhooks: `webhook-id`, `webhook-timestamp` and " +
    "`webhook-signature`, and `{type, timestamp, data}` as JSON, where `type` is `job.completed`, `job.failed`, `job.cancelled` or `job.expired`, " +
    "and `data` names the job and holds neither question nor answer. A schedule that names this webhook tells it `schedule.completed` with the " +
    "answer. What is not answered by a 2xx within 15 s is sent again, ten times within three days; the same message may come twice. Redirects " +
    "are not followed, and private addresses not reached.",
  request: { body: jsonBody(newWebhookSchema) },
  responses: {
    201: { description: "The webhook with its secret, this one time.", content: jsonContent(madeWebhookSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "webhook_url_refused", "too_many_webhooks"),
  },
});

const REFUSALS: Record<UrlRefusal, string> = {
  not_a_url: "This is no address. Write it with https:// in front.",
  too_long: "This address is too long.",
  scheme: "Webhooks go to https addresses only.",
  credentials: "The address must not hold a name or password: check the signature instead.",
  port: "Webhooks go to port 443, or to one above 1023.",
  private_host:
    "This address is not on the public Internet. Whoever runs this edge can allow a host of their own network (WEBHOOK_HOSTS).",
};

/** `GET` and `POST /api/webhooks`. */
export function mountWebhooks(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { id, userId } = accountOf(c);
    const receivers = await jobsOf(c.env, id).receivers(userId);
    const now = Date.now();
    return c.json({ webhooks: receivers.map((one) => shownWebhook(one, now)) } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const { url: wanted } = await readJsonBody(c.req.raw, newWebhookSchema);
    const judged = judgeUrl(wanted.trim(), allowedHosts(c.env));
    if ("refusal" in judged) {
      throw new PorchlightError("webhook_url_refused", REFUSALS[judged.refusal], { param: "url" });
    }
    const { url } = judged;
    url.hash = "";
    const { id, userId } = accountOf(c);
    const { secret, ...receiver } = takeMade(await jobsOf(c.env, id).addReceiver(userId, url.href));
    await audit(c, "webhook_made", { target: url.host });
    c.header("cache-control", "no-store");
    return c.json({ ...shownWebhook(receiver, Date.now()), secret } satisfies z.infer<typeof madeWebhookSchema>, 201);
  });
}
