import { z } from "@hono/zod-openapi";
import { PorchlightError } from "../../shared/errors.ts";
import { pluginNameSchema } from "../../shared/plugin/manifest.ts";
import { allowsScope } from "../access/scopes.ts";
import type { Account } from "../env.ts";
import { DELIVERY_STATES, type HookDelivery } from "../home/hooks/delivery.ts";
import type { HookView, HookViewer, WholeDelivery } from "../home/hooks/desk.ts";
import { HOOK_PAUSES, HOOK_SIGNATURES, type HookTarget } from "../home/hooks/hook.ts";
import { HOOK_LIMITS } from "../home/hooks/limits.ts";

const name = z.string().trim().min(1).max(HOOK_LIMITS.nameCharacters);
const prompt = z
  .string()
  .trim()
  .max(HOOK_LIMITS.promptCharacters)
  .openapi({ description: "What the model is to do with each message. Empty: say in short what it is about." });
const secret = z.string().min(16).max(HOOK_LIMITS.secretCharacters).openapi({
  description:
    "Where the sender makes the secret, that one: `whsec_` and base64 for `standard`, any text for `github`.",
});

export const inboundWebhookSchema = z
  .object({
    id: z.string(),
    url: z.string().openapi({ description: "Where to send to. Keep it to yourself and the sender." }),
    name,
    plugin: z.string().nullable().openapi({ description: "Whose `webhook` is called with each message." }),
    session: z.string().nullable().openapi({ description: "Where each message becomes a turn." }),
    prompt: z.string().nullable(),
    signature: z.enum(HOOK_SIGNATURES),
    paused: z.enum(HOOK_PAUSES).nullable(),
    createdAt: z.iso.datetime(),
    lastAt: z.iso.datetime().nullable().openapi({ description: "When the last message was taken." }),
    oldSecretUntil: z.iso.datetime().nullable().openapi({ description: "The secret before is good too, until then." }),
    refused: z.number().int().openapi({ description: "Messages with a wrong signature. Nothing is kept of them." }),
  })
  .openapi("InboundWebhook");

export type ShownHook = z.infer<typeof inboundWebhookSchema>;

export const madeInboundWebhookSchema = inboundWebhookSchema
  .extend({ secret: z.string().openapi({ description: "Signs every message. It is shown this one time." }) })
  .openapi("MadeInboundWebhook");

export const newInboundWebhookSchema = z
  .strictObject({
    name,
    plugin: pluginNameSchema.optional().openapi({ description: "One of your plugins that has a webhook." }),
    session: z
      .string()
      .max(64)
      .nullable()
      .optional()
      .openapi({ description: "A conversation; null: one of its own, made with its first message." }),
    prompt: prompt.optional(),
    signature: z.enum(HOOK_SIGNATURES).default("standard"),
    secret: secret.optional(),
    locale: z.enum(["en", "zh-CN"]).default("en"),
    timeZone: z.string().min(1).max(64).default("UTC"),
  })
  .refine((one) => (one.plugin === undefined) !== (one.session === undefined), {
    path: ["plugin"],
    error: "name a plugin or a session, one of them",
  })
  .refine((one) => one.prompt === undefined || one.session !== undefined, {
    path: ["prompt"],
    error: "only a webhook of a conversation has a prompt",
  })
  .openapi("NewInboundWebhook", { example: { name: "Builds", plugin: "@porchlight/inbox" } });

export const inboundWebhookChangeSchema = z
  .strictObject({ name: name.optional(), prompt: prompt.optional(), paused: z.boolean().optional() })
  .openapi("InboundWebhookChange", { example: { paused: true } });

export const rotationSchema = z.strictObject({ secret: secret.optional() }).openapi("InboundWebhookSecret");

export const inboundDeliverySchema = z
  .object({
    id: z.string(),
    messageId: z.string().openapi({ description: "The sender's `webhook-id`, or the digest of the body." }),
    receivedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    state: z.enum(DELIVERY_STATES),
    bytes: z.number().int(),
    headers: z.record(z.string(), z.string()),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    call: z.string().nullable().openapi({ description: "The plugin's call: `GET /api/plugin-calls/{id}`." }),
    session: z.string().nullable(),
    turn: z.number().int().nullable(),
  })
  .openapi("InboundDelivery");
export type ShownDelivery = z.infer<typeof inboundDeliverySchema>;

export const wholeInboundDeliverySchema = inboundDeliverySchema
  .extend({
    body: z.string().nullable().openapi({ description: "Cut at 64 KiB; null: it is no text." }),
    answer: z.string().nullable().openapi({ description: "JSON: what the plugin answered." }),
  })
  .openapi("WholeInboundDelivery");

export type ShownWholeDelivery = z.infer<typeof wholeInboundDeliverySchema>;

export function hookViewerOf({ userId, key }: Account): HookViewer {
  return { userId, ...(key === undefined ? {} : { keyId: key.id }) };
}

/** Where what arrives goes. A key that leads into conversations must be for these, and for models. */
export function hookTargetOf(
  { key }: Account,
  { plugin, session, prompt: wanted }: z.infer<typeof newInboundWebhookSchema>,
): HookTarget {
  if (plugin !== undefined) return { kind: "plugin", plugin };
  if (key !== undefined && !(allowsScope(key.scopes, ["sessions"]) && allowsScope(key.scopes, ["inference"]))) {
    const sentence = "This key is not for sessions and models: use one with the scopes 'sessions' and 'inference' too.";
    throw new PorchlightError("forbidden", sentence, { param: "session" });
  }
  return { kind: "session", sessionId: session ?? null, prompt: wanted ?? "" };
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

export function shownHook(hook: HookView, origin: string): ShownHook {
  const { id, name: title, target, signature, paused, createdAtMs, lastAtMs, oldSecretUntilMs, refused } = hook;
  return {
    id,
    url: `${origin}/hooks/${id}`,
    name: title,
    plugin: target.kind === "plugin" ? target.plugin : null,
    session: target.kind === "session" ? target.sessionId : null,
    prompt: target.kind === "session" ? target.prompt : null,
    signature,
    paused,
    createdAt: new Date(createdAtMs).toISOString(),
    lastAt: iso(lastAtMs),
    oldSecretUntil: iso(oldSecretUntilMs),
    refused,
  };
}

export function shownDelivery(delivery: HookDelivery): ShownDelivery {
  const { id, messageId, receivedAtMs, endedAtMs, state, bytes, headers, failure, callId, place } = delivery;
  return {
    id,
    messageId,
    receivedAt: new Date(receivedAtMs).toISOString(),
    endedAt: iso(endedAtMs),
    state,
    bytes,
    headers,
    error: failure,
    call: callId,
    session: place?.sessionId ?? null,
    turn: place?.index ?? null,
  };
}

export function shownWholeDelivery(delivery: WholeDelivery): ShownWholeDelivery {
  return { ...shownDelivery(delivery), body: delivery.body, answer: delivery.answer };
}
