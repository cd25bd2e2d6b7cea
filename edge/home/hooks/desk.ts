import { PorchlightError } from "../../../shared/errors.ts";
import { createWebhookSecret } from "../../webhooks/sign.ts";
import { type Made, made, madeLater } from "../made.ts";
import type { ScheduleOwner } from "../schedules/schedule.ts";
import type { HookDelivery } from "./delivery.ts";
import { HookDeliveryTable } from "./delivery-table.ts";
import { type Hook, type HookSignature, HookTable, type HookTarget } from "./hook.ts";
import { HOOK_LIMITS } from "./limits.ts";
import { HookQueue } from "./queue.ts";
import { Rate } from "./rate.ts";
import { textOf } from "./told.ts";
import { type ArrivedMessage, isUsableSecret, verifiedId } from "./verify.ts";
import type { WorkPorts } from "./work.ts";

/** What the Worker may ask of the desk: see `hooksOf`. */
export const HOOK_METHODS = ["list", "add", "change", "rotate", "remove", "deliveries", "delivery", "receive"] as const;
export type HookMethod = (typeof HOOK_METHODS)[number];

/** An address as its person sees it. */
export type HookView = Omit<Hook, "secret" | "oldSecret" | "userId"> & { lastAtMs: number | null };

/** Whose addresses somebody may see: a person their own, a program those that its key made. */
export interface HookViewer {
  userId: string;
  keyId?: string;
}

export interface NewHook {
  name: string;
  target: HookTarget;
  signature: HookSignature;
  /** Of the sender's making; absent: one is made. */
  secret?: string | undefined;
  locale: "en" | "zh-CN";
  timeZone: string;
}

/** What a sender is answered: JSON, or nothing but that it was taken. */
export interface HookAnswer {
  status: 200 | 202;
  body: string;
}

export interface WholeDelivery extends HookDelivery {
  /** Its beginning; null: it is no text. */
  body: string | null;
}

export interface HookDeskOptions extends Omit<WorkPorts, "setSession"> {
  sql: SqlStorage;
  transaction: (step: () => void) => void;
  /** Whether the person has this plugin, with a webhook. */
  hasWebhook: (userId: string, plugin: string) => boolean;
  onChange: () => void;
  now?: () => number;
}

/** Refusals are written down this often at most: whoever floods an address writes nothing by that. */
const COUNT_EVERY_MS = 1_000;

/**
 * Addresses that others send to. Of what is not signed, nothing is kept but a count; of what is, each message is worked on once, whatever
 * becomes of the object meanwhile, unless it was lost in the midst of it.
 */
export class HookDesk {
  readonly #options: HookDeskOptions;
  readonly #now: () => number;
  readonly #hooks: HookTable;
  readonly #deliveries: HookDeliveryTable;
  readonly #queue: HookQueue;
  readonly #rate: Rate;
  readonly #refused = new Map<string, { count: number; atMs: number }>();

  constructor(options: HookDeskOptions) {
    const { sql, onChange, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    this.#hooks = new HookTable(sql);
    this.#deliveries = new HookDeliveryTable(sql);
    this.#rate = new Rate(HOOK_LIMITS.perMinute, now);
    const setSession = (id: string, sessionId: string): void => {
      const hook = this.#hooks.find(id);
      if (hook?.target.kind === "session") this.#hooks.change(id, { ...hook, target: { ...hook.target, sessionId } });
    };
    this.#queue = new HookQueue({
      ports: { ...options, setSession },
      hooks: this.#hooks,
      deliveries: this.#deliveries,
      onEnds: (hook, why) => (why === "person_gone" ? this.#drop(hook.id) : this.#pause(hook)),
      onChange,
      now,
    });
  }

  tick(): void {
    this.#queue.tick();
  }

  nextAtMs(): number | undefined {
    return this.#queue.nextAtMs();
  }

  machinesChanged(): void {
    this.#queue.machinesChanged();
  }

  /** A turn of some conversation has ended. */
  turnEnded(): void {
    this.#queue.turnEnded();
  }

  /** A person left, or a key was revoked: what the person made ends, what the key made is paused. */
  callerGone(id: string): void {
    for (const hook of this.#hooks.of(id)) this.#drop(hook.id);
    for (const hook of this.#hooks.ofKey(id)) this.#pause(hook);
  }

  /** A plugin was removed: what led to it ends. */
  pluginGone(userId: string, plugin: string): void {
    for (const { id, target } of this.#hooks.of(userId))
      if (target.kind === "plugin" && target.plugin === plugin) this.#drop(id);
  }

  list(viewer: HookViewer): HookView[] {
    return this.#hooks
      .of(viewer.userId)
      .filter((hook) => isVisible(hook, viewer))
      .map((hook) => this.#view(hook));
  }

  /** Makes an address, with its secret this one time. Refused as `invalid_request`, `hooks_full`. */
  add(id: string, { userId, keyId }: ScheduleOwner, wanted: NewHook): Made<HookView & { secret: string }> {
    return made(() => {
      const { secret = createWebhookSecret(), ...hook } = wanted;
      this.#requireTarget(userId, wanted.target);
      requireSecret(hook.signature, secret);
      if (this.#hooks.of(userId).length >= HOOK_LIMITS.perPerson) throw new PorchlightError("hooks_full");
      this.#hooks.add({ ...hook, id, userId, keyId, secret, createdAtMs: this.#now() });
      return { ...this.#view(this.#required(id, { userId })), secret };
    });
  }

  /** Refused as `not_found`, `invalid_request`. */
  change(
    id: string,
    viewer: HookViewer,
    to: { name?: string | undefined; paused?: boolean | undefined; prompt?: string | undefined },
  ): Made<HookView> {
    return made(() => {
      const hook = this.#required(id, viewer);
      const { name = hook.name, prompt } = to;
      const { target } = hook;
      if (prompt !== undefined && target.kind !== "session")
        throw new PorchlightError("invalid_request", "Only a webhook of a conversation has a prompt.", {
          param: "prompt",
        });
      const isPaused = to.paused ?? hook.paused !== null;
      if (!isPaused) this.#requireTarget(viewer.userId, target);
      const paused = isPaused ? (hook.paused ?? ("person" as const)) : null;
      const changed = target.kind === "session" && prompt !== undefined ? { ...target, prompt } : target;
      this.#hooks.change(id, { name, paused, target: changed });
      return this.#view(this.#required(id, viewer));
    });
  }

  /** Another secret, this one time; the one before is good for a day. Refused as `not_found`, `invalid_request`. */
  rotate(id: string, viewer: HookViewer, given?: string): Made<HookView & { secret: string }> {
    return made(() => {
      const { signature } = this.#required(id, viewer);
      const secret = given ?? createWebhookSecret();
      requireSecret(signature, secret);
      this.#hooks.rotate(id, secret, this.#now() + HOOK_LIMITS.oldSecretMs);
      return { ...this.#view(this.#required(id, viewer)), secret };
    });
  }

  remove(id: string, viewer: HookViewer): boolean {
    if (!isVisible(this.#hooks.find(id), viewer)) return false;
    this.#drop(id);
    return true;
  }

  /** The latest first. */
  deliveries(id: string, viewer: HookViewer): HookDelivery[] | undefined {
    return isVisible(this.#hooks.find(id), viewer) ? this.#deliveries.log(id) : undefined;
  }

  delivery(id: string, viewer: HookViewer, deliveryId: string): WholeDelivery | undefined {
    const found = this.#deliveries.find(deliveryId);
    if (found?.hookId !== id || !isVisible(this.#hooks.find(id), viewer)) return undefined;
    const bytes = this.#deliveries.body(deliveryId);
    // Cut within a character, the rest of it is no text.
    const isCut = bytes.length < found.bytes;
    const body =
      textOf(bytes) ??
      (isCut ? (textOf(bytes.slice(0, -1)) ?? textOf(bytes.slice(0, -2)) ?? textOf(bytes.slice(0, -3))) : undefined);
    return { ...found, body: body ?? null };
  }

  /**
   * Takes a message, and waits a while for what comes of it. Refused as `not_found`, `hook_signature_wrong`, `rate_limited`, `queue_full`,
   * and as the plugin failed, without its words. `gone`: there is no such address any more.
   */
  async receive(id: string, message: ArrivedMessage): Promise<Made<HookAnswer | "gone">> {
    return await madeLater(async () => {
      if (this.#hooks.find(id) === undefined) return "gone" as const;
      const known = this.#requireOpen(id);
      const nowMs = this.#now();
      const { secret, oldSecret, oldSecretUntilMs, signature } = known;
      const secrets = oldSecret !== null && (oldSecretUntilMs ?? 0) > nowMs ? [secret, oldSecret] : [secret];
      const messageId = await verifiedId(signature, message, secrets, nowMs);
      // It may have been removed while the signature was checked.
      const hook = this.#requireOpen(id);
      if (messageId === undefined) {
        this.#countRefused(id, nowMs);
        throw new PorchlightError("hook_signature_wrong");
      }
      if (this.#deliveries.wasSeen(id, messageId)) return { status: 200, body: '{"status":"duplicate"}' };
      const waitMs = this.#rate.take(id);
      if (waitMs !== undefined) throw new PorchlightError("rate_limited", undefined, { retryAfterMs: waitMs });
      this.#requireRoom(id, message.body.length);
      const delivery = `dlv_${crypto.randomUUID().replaceAll("-", "")}`;
      this.#options.transaction(() =>
        this.#deliveries.add(
          { id: delivery, hookId: id, messageId, headers: shownHeaders(message), body: message.body },
          nowMs,
        ),
      );
      const ending = this.#queue.take(delivery);
      return hook.target.kind === "session" ? accepted(delivery) : await this.#answerOf(delivery, ending);
    });
  }

  /** What the plugin answers, if that does not take too long. */
  async #answerOf(id: string, ending: Promise<HookDelivery | undefined>): Promise<HookAnswer> {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const patience = new Promise<undefined>((done) => {
      timer = setTimeout(() => done(undefined), HOOK_LIMITS.answerMs);
    });
    const ended = await Promise.race([ending, patience]);
    clearTimeout(timer);
    if (ended?.state === "failed") throw new PorchlightError("plugin_failed", "What this webhook leads to failed.");
    if (ended?.state !== "done" || ended.answer === null || ended.answer === "null") return accepted(id);
    return { status: 200, body: ended.answer };
  }

  #requireOpen(id: string): Hook {
    const hook = this.#hooks.find(id);
    if (hook === undefined || hook.paused !== null) throw new PorchlightError("not_found");
    return hook;
  }

  #requireRoom(id: string, bytes: number): void {
    const waiting = this.#deliveries.waiting(id);
    const isFull =
      waiting.own >= HOOK_LIMITS.waiting ||
      waiting.all >= HOOK_LIMITS.waitingOfHousehold ||
      waiting.bytes + bytes > HOOK_LIMITS.waitingBytes;
    if (isFull)
      throw new PorchlightError("rate_limited", "Too many messages wait here already.", { retryAfterMs: 60_000 });
  }

  #requireTarget(userId: string, target: HookTarget): void {
    if (target.kind === "plugin") {
      if (this.#options.hasWebhook(userId, target.plugin)) return;
      throw new PorchlightError("invalid_request", "You have no plugin of this name that takes webhooks.", {
        param: "plugin",
      });
    }
    if (target.sessionId === null || this.#options.sessions.get(target.sessionId, userId) !== undefined) return;
    throw new PorchlightError("invalid_request", "There is no such session, or it is not yours.", { param: "session" });
  }

  #required(id: string, viewer: HookViewer): Hook {
    const hook = this.#hooks.find(id);
    if (hook !== undefined && isVisible(hook, viewer)) return hook;
    throw new PorchlightError("not_found", "There is no such webhook, or it is not yours.");
  }

  #countRefused(id: string, nowMs: number): void {
    const { count, atMs } = this.#refused.get(id) ?? { count: 0, atMs: 0 };
    const isDue = nowMs - atMs >= COUNT_EVERY_MS;
    if (isDue) this.#hooks.countRefused(id, count + 1);
    this.#refused.set(id, isDue ? { count: 0, atMs: nowMs } : { count: count + 1, atMs });
  }

  #pause(hook: Hook): void {
    this.#hooks.change(hook.id, { ...hook, paused: "key_revoked" });
  }

  #drop(id: string): void {
    this.#hooks.remove(id);
    this.#deliveries.removeOf(id);
    this.#rate.forget(id);
    this.#refused.delete(id);
  }

  #view({ secret: _secret, oldSecret: _old, userId: _user, ...hook }: Hook): HookView {
    const pending = this.#refused.get(hook.id)?.count ?? 0;
    return {
      ...hook,
      refused: hook.refused + pending,
      oldSecretUntilMs: (hook.oldSecretUntilMs ?? 0) > this.#now() ? hook.oldSecretUntilMs : null,
      lastAtMs: this.#deliveries.lastAtMs(hook.id),
    };
  }
}

function isVisible(hook: Hook | undefined, { userId, keyId }: HookViewer): boolean {
  return hook?.userId === userId && (keyId === undefined || hook.keyId === keyId);
}

/** None that authenticates: a plugin could send it on. */
function shownHeaders({ headers }: ArrivedMessage): Record<string, string> {
  const { "webhook-signature": _standard, "x-hub-signature-256": _github, ...shown } = headers;
  return shown;
}

function accepted(id: string): HookAnswer {
  return { status: 202, body: JSON.stringify({ status: "accepted", id }) };
}

function requireSecret(signature: HookSignature, secret: string): void {
  if (isUsableSecret(signature, secret)) return;
  const form = signature === "standard" ? "'whsec_' and base64 of 16 bytes at least" : "16 characters at least";
  throw new PorchlightError("invalid_request", `A secret of this kind is ${form}.`, { param: "secret" });
}
