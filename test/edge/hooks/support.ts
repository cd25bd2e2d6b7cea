import { Webhook } from "standardwebhooks";
import type { z } from "zod";
import type {
  inboundDeliverySchema,
  inboundWebhookSchema,
  madeInboundWebhookSchema,
  wholeInboundDeliverySchema,
} from "../../../edge/routes/inbound-webhooks-schema.ts";
import { request } from "../support/edge.ts";
import { send } from "../support/keys.ts";

export type ShownHook = z.infer<typeof inboundWebhookSchema>;
export type MadeHook = z.infer<typeof madeInboundWebhookSchema>;
export type ShownDelivery = z.infer<typeof inboundDeliverySchema>;
export type WholeDelivery = z.infer<typeof wholeInboundDeliverySchema>;

export async function makeHook(apiKey: string, wanted: object): Promise<MadeHook> {
  const response = await send(apiKey, "POST", "/api/hooks", { name: "Test", ...wanted });
  const text = await response.text();
  if (response.status !== 201) throw new Error(text);
  return JSON.parse(text);
}

export const hooksOf = async (apiKey: string): Promise<ShownHook[]> =>
  (await (await send(apiKey, "GET", "/api/hooks")).json<{ webhooks: ShownHook[] }>()).webhooks;

export const deliveriesOf = async (apiKey: string, id: string): Promise<ShownDelivery[]> =>
  (await (await send(apiKey, "GET", `/api/hooks/${id}/deliveries`)).json<{ deliveries: ShownDelivery[] }>()).deliveries;

/** Headers of a message by the library that senders use. */
export function standardHeaders(secret: string, id: string, body: string, at = new Date()): Record<string, string> {
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

export async function githubHeaders(secret: string, body: string): Promise<Record<string, string>> {
  const bytes = new TextEncoder();
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), hmac, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(body)));
  const hex = [...signature].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { "content-type": "application/json", "x-github-event": "push", "x-hub-signature-256": `sha256=${hex}` };
}

export async function post(hook: { url: string }, headers: Record<string, string>, body: BodyInit): Promise<Response> {
  return await request(new URL(hook.url).pathname, { method: "POST", headers, body });
}

/** A message as a sender sends it. */
export async function sendMessage(hook: MadeHook, id: string, value: unknown, secret = hook.secret): Promise<Response> {
  const body = JSON.stringify(value);
  return await post(hook, standardHeaders(secret, id, body), body);
}
