import { PorchlightError } from "../../shared/errors.ts";
import { type Delivery, DeliveryTable } from "./delivery.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";
import { type Receiver, ReceiverTable } from "./receiver.ts";
import type { SendWebhook, TryOutcome } from "./send.ts";
import { createWebhookSecret, signedHeaders } from "./sign.ts";

export interface CourierOptions {
  sql: SqlStorage;
  send: SendWebhook;
  /** A try has ended: `nextAtMs` may be another now. */
  onSettled: () => void;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
}

/** HTTP's word for a receiver that wants no more. */
const GONE = 410;

/**
 * Carries messages to people's receivers, each at least once: a receiver knows a message that comes again by its id. What waits and what
 * came of it is in SQLite. Call `tick` when a message was added, and at `nextAtMs`.
 */
export class Courier {
  readonly #receivers: ReceiverTable;
  readonly #deliveries: DeliveryTable;
  readonly #send: SendWebhook;
  readonly #onSettled: () => void;
  readonly #now: () => number;
  readonly #random: () => number;
  /** Under way, by receiver. */
  readonly #underWay = new Map<string, string>();

  constructor({ sql, send, onSettled, now = Date.now, random = Math.random }: CourierOptions) {
    this.#receivers = new ReceiverTable(sql);
    this.#deliveries = new DeliveryTable(sql);
    this.#send = send;
    this.#onSettled = onSettled;
    this.#now = now;
    this.#random = random;
  }

  /** A new receiver, with its secret. The address was judged before. Throws PorchlightError `too_many_webhooks`. */
  add(userId: string, url: string): Receiver {
    if (this.#receivers.of(userId).length >= WEBHOOK_LIMITS.perPerson) throw new PorchlightError("too_many_webhooks");
    const id = `wh_${crypto.randomUUID().replaceAll("-", "")}`;
    this.#receivers.add({ id, userId, url, secret: createWebhookSecret() }, this.#now());
    return this.#receiver(id);
  }

  list(userId: string): Receiver[] {
    return this.#receivers.of(userId);
  }

  find(id: string): Receiver | undefined {
    return this.#receivers.find(id);
  }

  remove(id: string): void {
    this.#receivers.remove(id);
    this.#deliveries.removeOf(id);
  }

  removeOf(userId: string): void {
    for (const { id } of this.#receivers.of(userId)) this.remove(id);
  }

  /** Gives a receiver a new secret; the old one goes on signing beside it for a while. It counts as there again. */
  rotate(id: string): Receiver {
    this.#receivers.rotate(id, createWebhookSecret(), this.#now() + WEBHOOK_LIMITS.oldSecretMs);
    this.#receivers.setGone(id, null);
    return this.#receiver(id);
  }

  /** The latest first. */
  log(receiverId: string): Delivery[] {
    return this.#deliveries.log(receiverId, WEBHOOK_LIMITS.page);
  }

  /** Puts a message for all of a person's receivers, or one of them, into the queue. `data` must be JSON. */
  post(userId: string, type: string, data: object, only?: string): void {
    const now = this.#now();
    const payload = JSON.stringify({ type, timestamp: new Date(now).toISOString(), data });
    for (const { id: receiverId, goneAtMs } of this.#receivers.of(userId)) {
      if (goneAtMs !== null || (only !== undefined && only !== receiverId)) continue;
      this.#deliveries.add({ id: `msg_${crypto.randomUUID().replaceAll("-", "")}`, receiverId, type, payload }, now);
      this.#deliveries.purge(receiverId, now - WEBHOOK_LIMITS.keptMs);
    }
  }

  /** Begins what is due. Never throws: what fails is in the log. */
  tick(): void {
    const now = this.#now();
    for (const delivery of this.#deliveries.due(now)) {
      if (this.#underWay.size >= WEBHOOK_LIMITS.atOnce) return;
      const { id, receiverId } = delivery;
      const its = [...this.#underWay.values()].filter((one) => one === receiverId).length;
      if (its >= WEBHOOK_LIMITS.atOncePerReceiver || this.#underWay.has(id)) continue;
      const receiver = this.#receivers.find(receiverId);
      if (receiver === undefined) this.#deliveries.removeOf(receiverId);
      else void this.#try(delivery, receiver);
    }
  }

  /** When `tick` is due. What is under way, and what waits for it, is taken up as it ends. */
  nextAtMs(): number | undefined {
    const dueMs = this.#deliveries.nextDueMs();
    if (dueMs === undefined || this.#underWay.size === 0) return dueMs;
    return Math.max(dueMs, this.#now() + WEBHOOK_LIMITS.timeoutMs);
  }

  async #try({ id, payload }: Delivery, receiver: Receiver): Promise<void> {
    const atMs = this.#now();
    const attempts = this.#deliveries.begin(id, atMs + WEBHOOK_LIMITS.leaseMs);
    this.#underWay.set(id, receiver.id);
    const { secret, oldSecret, oldSecretUntilMs } = receiver;
    const secrets = oldSecret !== null && (oldSecretUntilMs ?? 0) > atMs ? [secret, oldSecret] : [secret];
    let outcome: TryOutcome;
    try {
      outcome = await this.#send(receiver.url, signedHeaders({ id, payload }, secrets, atMs), payload);
    } catch (error) {
      console.error(`webhook ${id}: it could not be sent:`, error);
      outcome = { ok: false, status: null, failure: "unreachable" };
    }
    this.#underWay.delete(id);
    const endMs = this.#now();
    this.#deliveries.noteTry(id, outcome, { atMs, ms: endMs - atMs, nextMs: this.#nextTryMs(attempts, endMs) });
    if (outcome.status === GONE) {
      this.#receivers.setGone(receiver.id, endMs);
      this.#deliveries.failWaiting(receiver.id);
    }
    this.#onSettled();
  }

  /** When the try after the last of so many is due; undefined: there is none. */
  #nextTryMs(attempts: number, nowMs: number): number | undefined {
    const pauseMs = WEBHOOK_LIMITS.pausesMs[attempts - 1];
    return pauseMs === undefined
      ? undefined
      : nowMs + Math.round(pauseMs * (1 + WEBHOOK_LIMITS.jitter * this.#random()));
  }

  #receiver(id: string): Receiver {
    const receiver = this.#receivers.find(id);
    if (receiver === undefined) throw new PorchlightError("not_found", "There is no such webhook, or it is not yours.");
    return receiver;
  }
}
