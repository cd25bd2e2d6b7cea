import { z } from "@hono/zod-openapi";
import type { ReceiverView } from "../home/jobs/desk.ts";
import { DELIVERY_STATES } from "../webhooks/delivery.ts";
import { TRY_FAILURES } from "../webhooks/send.ts";

const deliverySchema = z
  .object({
    id: z.string().openapi({ description: "The `webhook-id` of every try." }),
    type: z.string(),
    state: z.enum(DELIVERY_STATES),
    createdAt: z.iso.datetime(),
    nextTryAt: z.iso.datetime().nullable(),
    tries: z.array(
      z.object({
        at: z.iso.datetime(),
        ms: z.number(),
        status: z.number().int().nullable().openapi({ description: "HTTP status, if there was an answer." }),
        failure: z.enum(TRY_FAILURES).nullable().openapi({
          description:
            "`refused`: the address leads to a private network. `redirect`: redirects are not followed. `status`: not a 2xx. `timeout`, `unreachable`.",
        }),
      }),
    ),
  })
  .openapi("WebhookDelivery");

export const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    createdAt: z.iso.datetime(),
    goneAt: z.iso.datetime().nullable().openapi({
      description: "It answered 410 and gets no more, until its secret is changed.",
    }),
    oldSecretUntil: z.iso.datetime().nullable().openapi({ description: "The secret before signs too, until then." }),
    deliveries: z.array(deliverySchema).openapi({ description: "The latest, as far back as they are kept." }),
  })
  .openapi("Webhook");
export type ShownWebhook = z.infer<typeof webhookSchema>;

export const madeWebhookSchema = webhookSchema
  .extend({
    secret: z.string().openapi({ description: "Signs every message (`whsec_...`). It is shown this one time." }),
  })
  .openapi("MadeWebhook");

export const newWebhookSchema = z
  .strictObject({ url: z.string().min(1).max(2048) })
  .openapi("NewWebhook", { example: { url: "https://hooks.example.com/porchlight" } });

export function shownWebhook(receiver: ReceiverView, nowMs: number): ShownWebhook {
  const { id, url, createdAtMs, goneAtMs, oldSecretUntilMs, deliveries } = receiver;
  const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    id,
    url,
    createdAt: new Date(createdAtMs).toISOString(),
    goneAt: at(goneAtMs),
    oldSecretUntil: oldSecretUntilMs !== null && oldSecretUntilMs > nowMs ? at(oldSecretUntilMs) : null,
    deliveries: deliveries.map((delivery) => ({
      id: delivery.id,
      type: delivery.type,
      state: delivery.state,
      createdAt: new Date(delivery.createdAtMs).toISOString(),
      nextTryAt: delivery.state === "pending" ? at(delivery.dueAtMs) : null,
      tries: delivery.tries.map(({ atMs, ...rest }) => ({ at: new Date(atMs).toISOString(), ...rest })),
    })),
  };
}
