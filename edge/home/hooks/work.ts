import { toBase64 } from "../../../shared/base64.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { WebhookMessage } from "../../../shared/plugin/part-context.ts";
import type { PluginDesk } from "../plugins/desk.ts";
import type { FindPermit, Permit } from "../schedules/permit.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { TurnDesk } from "../sessions/turns/desk.ts";
import type { BegunDelivery, DeliveryFailure, HookDelivery } from "./delivery.ts";
import type { Hook } from "./hook.ts";
import { HOOK_LIMITS } from "./limits.ts";
import { textOf, toldTurn } from "./told.ts";

/** What came of a message's work. `hookEnds`: nobody is there any more for whom it would be done. */
export type WorkEnd =
  | ({ ok: true } & Partial<Pick<HookDelivery, "answer" | "callId" | "place">>)
  | { ok: false; failure: DeliveryFailure; callId: string | null; hookEnds?: "person_gone" | "key_revoked" };

export interface WorkPorts {
  plugins: Pick<PluginDesk, "callPart">;
  turns: Pick<TurnDesk, "start">;
  sessions: Pick<SessionStore, "get" | "create">;
  findPermit: FindPermit;
  /** The conversation that a hook's messages go to from now on. */
  setSession: (hookId: string, sessionId: string) => void;
}

/** Has a message worked on by where it leads, with what its person, or the key that made its address, may use now. */
export async function workOn(hook: Hook, delivery: BegunDelivery, ports: WorkPorts): Promise<WorkEnd> {
  const permit = await ports.findPermit(hook);
  if (typeof permit === "string")
    return { ok: false, failure: failureOf(new PorchlightError("forbidden")), callId: null, hookEnds: permit };
  return hook.target.kind === "plugin"
    ? await callPlugin(hook, hook.target.plugin, { delivery, permit, ports })
    : await startTurn(hook, hook.target, { delivery, permit, ports });
}

interface Work {
  delivery: BegunDelivery;
  permit: Permit;
  ports: WorkPorts;
}

async function callPlugin(hook: Hook, plugin: string, { delivery, permit, ports }: Work): Promise<WorkEnd> {
  const text = textOf(delivery.body);
  const input: WebhookMessage = {
    id: delivery.messageId,
    receivedAt: new Date(delivery.receivedAtMs).toISOString(),
    webhook: hook.name,
    headers: delivery.headers,
    ...(text === undefined
      ? { body: toBase64(delivery.body), encoding: "base64" }
      : { body: text.toWellFormed(), encoding: "utf-8" }),
  };
  const callId = `call_${crypto.randomUUID().replaceAll("-", "")}`;
  const outcome = await ports.plugins.callPart(hook.userId, plugin, "webhook", {
    id: callId,
    input,
    caller: { locale: hook.locale, timeZone: hook.timeZone },
    payer: { caller: permit.caller, models: permit.models, priority: "low" },
    signal: new AbortController().signal,
  });
  if (!outcome.ok) return { ok: false, failure: outcome.error, callId };
  const answer = JSON.stringify(outcome.value) ?? "null";
  return { ok: true, callId, answer: answer.length > HOOK_LIMITS.answerBytes ? null : answer };
}

async function startTurn(
  hook: Hook,
  target: { sessionId: string | null; prompt: string },
  { delivery, permit, ports }: Work,
): Promise<WorkEnd> {
  const { userId, name, locale, timeZone } = hook;
  const sessionId = sessionOf(hook, target.sessionId, ports);
  const started = await ports.turns.start({
    // The same for the same message: one that was begun by an earlier life of the object is not begun again.
    id: `chatcmpl-${delivery.id.replace("dlv_", "")}`,
    sessionId,
    userId,
    caller: permit.caller,
    priority: "low",
    models: permit.models,
    content: toldTurn({
      name,
      prompt: target.prompt,
      contentType: delivery.headers["content-type"] ?? "",
      body: delivery.body,
      locale,
    }),
    includeUsage: false,
    // What others wrote neither asks for what is remembered, nor has anything remembered.
    settings: { memory: "off" },
    fromStrangers: true,
    asker: { locale, timeZone },
    options: { sampling: {} },
  });
  if ("made" in started) return { ok: true, place: { sessionId, index: started.made.index } };
  const { code, message } = started.error;
  if (code === "session_full") ports.setSession(hook.id, makeSession(hook, ports));
  return { ok: false, failure: { code, message }, callId: null };
}

/** The hook's conversation; another where its person deleted it. */
function sessionOf(hook: Hook, sessionId: string | null, ports: WorkPorts): string {
  if (sessionId !== null && ports.sessions.get(sessionId, hook.userId) !== undefined) return sessionId;
  const made = makeSession(hook, ports);
  ports.setSession(hook.id, made);
  return made;
}

function makeSession({ userId, name }: Hook, { sessions }: WorkPorts): string {
  return sessions.create({ userId, title: name }).id;
}

export function failureOf(error: unknown): DeliveryFailure {
  const { code, message } = PorchlightError.from(error);
  return { code, message };
}
