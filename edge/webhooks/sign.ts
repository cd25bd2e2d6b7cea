import { Webhook } from "standardwebhooks";
import { toBase64 } from "../../shared/base64.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";

/** A message as it is sent each time: the same id and text, whichever try it is. */
export interface WebhookMessage {
  id: string;
  /** JSON. */
  payload: string;
}

/** A new secret, in the form that receivers' libraries take. */
export function createWebhookSecret(): string {
  return `whsec_${toBase64(crypto.getRandomValues(new Uint8Array(WEBHOOK_LIMITS.secretBytes)))}`;
}

/**
 * Headers of one try (Standard Webhooks 1.0): id, the try's own time, and a signature by each secret. While a secret is being changed there
 * are two, and a receiver that knows either accepts.
 */
export function signedHeaders({ id, payload }: WebhookMessage, secrets: readonly string[], nowMs: number) {
  const at = new Date(nowMs);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(nowMs / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, payload)).join(" "),
  };
}
