import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { everyPart } from "../support/plugin-parts.ts";
import { startStack } from "../support/stack.ts";

/**
 * Floods one inbound webhook of a real edge and machine, each time with 1,000 messages, 50 at once, of one kind; says how they were
 * answered, and how long the edge took meanwhile to answer its person. `node test/campaign/hook-floods.ts`.
 */
const COUNT = 1_000;
const AT_ONCE = 50;

const stack = await startStack();
const json = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const init = body === undefined ? { method, headers: json } : { method, headers: json, body: JSON.stringify(body) };
  return await (await fetch(stack.origin + path, init)).json();
}

async function makeHook(): Promise<{ id: string; url: string; secret: string }> {
  const made = await api("POST", "/api/hooks", { name: "Flood", plugin: "@test/parts" });
  return z.object({ id: z.string(), url: z.string(), secret: z.string() }).parse(made);
}

function signed(secret: string, id: string, body: string, at = new Date()): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = new Webhook(secret).sign(id, at, body);
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

type Message = { headers: Record<string, string>; body: string };
const KINDS: Record<string, (secret: string, n: number) => Message> = {
  signed: (secret, n) => ({ headers: signed(secret, `msg_${n}`, "{}"), body: "{}" }),
  replayed: (secret) => ({ headers: signed(secret, "msg_same", "{}"), body: "{}" }),
  "wrongly signed": (_secret, n) => ({
    headers: signed(`whsec_${btoa("x".repeat(32))}`, `msg_${n}`, "{}"),
    body: "{}",
  }),
  "six minutes old": (secret, n) => ({
    headers: signed(secret, `msg_${n}`, "{}", new Date(Date.now() - 360_000)),
    body: "{}",
  }),
  "over 256 KiB": (secret, n) => ({ headers: signed(secret, `msg_${n}`, "{}"), body: "x".repeat(300_000) }),
  "256 KiB, unsigned": () => ({ headers: {}, body: "x".repeat(256 * 1024) }),
};

/** Asks for the person's own list all the while. Resolves with how long the slowest answer took. */
async function meanwhile(isOver: () => boolean): Promise<number> {
  let slowest = 0;
  while (!isOver()) {
    const startedAt = performance.now();
    await api("GET", "/api/hooks");
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  return slowest;
}

try {
  const { bytes } = await everyPart();
  const headers = { ...json, "content-type": "application/octet-stream" };
  const seen = await fetch(`${stack.origin}/api/plugins/inspect`, { method: "POST", headers, body: bytes });
  const { hash } = z.object({ hash: z.string() }).parse(await seen.json());
  await api("POST", "/api/plugins", { hash, permissions: {} });
  for (const [kind, make] of Object.entries(KINDS)) {
    const hook = await makeHook();
    const statuses = new Map<number, number>();
    let next = 0;
    const startedAt = performance.now();
    const sender = async (): Promise<void> => {
      for (let n = next++; n < COUNT; n = next++) {
        const { headers: named, body } = make(hook.secret, n);
        const { status } = await fetch(hook.url, { method: "POST", headers: named, body });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    let isOver = false;
    const slowest = meanwhile(() => isOver);
    await Promise.all(Array.from({ length: AT_ONCE }, sender));
    isOver = true;
    const seconds = (performance.now() - startedAt) / 1000;
    const answers = [...statuses].map(([status, count]) => `${count} x ${status}`).join(", ");
    console.log(`${kind}: ${answers}; ${seconds.toFixed(1)} s; slowest list ${Math.round(await slowest)} ms`);
    await fetch(`${stack.origin}/api/hooks/${hook.id}`, { method: "DELETE", headers: json });
  }
} finally {
  await stack.stop();
}
