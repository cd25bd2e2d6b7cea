import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HOOK_LIMITS } from "../../../edge/home/hooks/limits.ts";
import { toHex } from "../../../shared/plugin/hex.ts";
import { install, packed } from "../plugins/support.ts";
import { errorOf, insertKey, insertUser, type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  deliveriesOf,
  githubHeaders,
  hooksOf,
  makeHook,
  type MadeHook,
  post,
  sendMessage,
  standardHeaders,
  type WholeDelivery,
} from "./support.ts";

const PLUGIN = "@test/tried";
/** Keeps how often it was called, and answers with what it got. */
const WEBHOOK = `async webhook({ input, storage, log }) {
  const count = Number(new TextDecoder().decode((await storage.get("count")) ?? new Uint8Array())) + 1;
  await storage.set("count", String(count));
  if (input.body.includes("fail")) throw new Error("out of paper");
  return input.body.includes("silent") ? undefined : { count, input };
}`;

let owner: Owner;
let other: string;
let hook: MadeHook;
beforeAll(async () => {
  owner = await setUp();
  other = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "member"));
});
beforeEach(async () => {
  await send(owner.apiKey, "DELETE", "/api/plugins/test/tried");
  await install(owner.apiKey, await packed({}, { permissions: { storageBytes: 10_000 } }, WEBHOOK));
  hook = await makeHook(owner.apiKey, { plugin: PLUGIN });
});

const refusedOf = async (): Promise<number | undefined> =>
  (await hooksOf(owner.apiKey)).find(({ id }) => id === hook.id)?.refused;

describe("what is signed", () => {
  it("goes to the plugin, whose result is the answer, and is recorded", async () => {
    const answer = await sendMessage(hook, "msg_1", { hello: "world" });
    expect(answer.status).toBe(200);
    const { count, input } = await answer.json<{ count: number; input: Record<string, unknown> }>();
    expect(count).toBe(1);
    expect(input).toMatchObject({ id: "msg_1", webhook: "Test", body: '{"hello":"world"}', encoding: "utf-8" });
    // What authenticates is not the plugin's to know.
    expect(Object.keys(input["headers"] as object).toSorted()).toEqual([
      "content-type",
      "webhook-id",
      "webhook-timestamp",
    ]);
    const [delivery, ...more] = await deliveriesOf(owner.apiKey, hook.id);
    expect(more).toEqual([]);
    expect(delivery).toMatchObject({ messageId: "msg_1", state: "done", bytes: 17, error: null });
    const path = `/api/hooks/${hook.id}/deliveries/${delivery?.id}`;
    const whole = await (await send(owner.apiKey, "GET", path)).json<WholeDelivery>();
    expect(whole.body).toBe('{"hello":"world"}');
    expect(JSON.parse(whole.answer ?? "")).toMatchObject({ count: 1 });
    const call = await send(owner.apiKey, "GET", `/api/plugin-calls/${delivery?.call}`);
    expect(await call.json()).toMatchObject({ tool: "on:webhook", place: "edge", state: "done" });
  });

  it("is worked on once, however often it is sent, unless it failed", async () => {
    expect((await sendMessage(hook, "msg_1", 1)).status).toBe(200);
    for (const id of ["msg_1", "msg_1"]) {
      const again = await sendMessage(hook, id, 1);
      expect(again.status).toBe(200);
      expect(await again.json()).toEqual({ status: "duplicate" });
    }
    const failed = await sendMessage(hook, "msg_2", "fail");
    expect(failed.status).toBe(502);
    const error = await errorOf(failed);
    expect(error.code).toBe("plugin_failed");
    expect(error.message).not.toContain("paper");
    expect((await sendMessage(hook, "msg_2", "fail")).status).toBe(502);
    expect(await (await sendMessage(hook, "msg_3", 3)).json()).toMatchObject({ count: 4 });
    expect(await deliveriesOf(owner.apiKey, hook.id)).toMatchObject([
      { messageId: "msg_3", state: "done" },
      {
        messageId: "msg_2",
        state: "failed",
        error: { code: "plugin_failed", message: "The plugin failed: out of paper" },
      },
      { messageId: "msg_2", state: "failed" },
      { messageId: "msg_1", state: "done" },
    ]);
  });

  it("of several at once with the same id is worked on once", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await sendMessage(hook, "msg_1", 1)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await deliveriesOf(owner.apiKey, hook.id)).toHaveLength(1);
  });

  it("is answered 202 where the plugin has nothing to say", async () => {
    const answer = await sendMessage(hook, "msg_1", "silent");
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ status: "accepted" });
  });

  it("may be no text", async () => {
    const bytes = new Uint8Array([0xff, 0xfe, 0, 1]);
    const github = await makeHook(owner.apiKey, { plugin: PLUGIN, signature: "github" });
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(github.secret), hmac, false, ["sign"]);
    const hex = toHex(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes)));
    const answer = await post(github, { "x-hub-signature-256": `sha256=${hex}` }, bytes);
    expect(await answer.json()).toMatchObject({ input: { body: "//4AAQ==", encoding: "base64" } });
  });

  it("may be signed as GitHub does: what was sent before is known by its body", async () => {
    const github = await makeHook(owner.apiKey, {
      plugin: PLUGIN,
      signature: "github",
      secret: "it's a secret to all",
    });
    const headers = await githubHeaders(github.secret, '{"ref":"main"}');
    const first = await post(github, { ...headers, "x-github-delivery": "one" }, '{"ref":"main"}');
    expect(await first.json()).toMatchObject({ input: { headers: { "x-github-event": "push" } } });
    const again = await post(github, { ...headers, "x-github-delivery": "two" }, '{"ref":"main"}');
    expect(await again.json()).toEqual({ status: "duplicate" });
    expect((await post(github, headers, '{"ref":"mine"}')).status).toBe(401);
    expect((await post(github, standardHeaders(hook.secret, "msg", "{}"), "{}")).status).toBe(401);
  });
});

it("agrees with GitHub's own example of a signature", async () => {
  const secret = "It's a Secret to Everybody";
  const github = await makeHook(owner.apiKey, { plugin: PLUGIN, signature: "github", secret });
  const hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const answer = await post(github, { "x-hub-signature-256": `sha256=${hex}` }, "Hello, World!");
  expect(await answer.json()).toMatchObject({ input: { body: "Hello, World!" } });
});

describe("what is not", () => {
  it("is turned away, and nothing of it is kept but a count", async () => {
    const body = '{"a":1}';
    const good = standardHeaders(hook.secret, "msg_1", body);
    const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
    const { secret: foreign } = await makeHook(owner.apiKey, { plugin: PLUGIN });
    const bad: Record<string, string>[] = [
      {},
      { ...good, "webhook-signature": "" },
      { ...good, "webhook-signature": "v1,AAAA" },
      { ...good, "webhook-signature": "v1,not base64" },
      { ...good, "webhook-signature": good["webhook-signature"]?.replace("v1", "v2") ?? "" },
      { ...good, "webhook-signature": `${"v1,AAAA ".repeat(300)}${good["webhook-signature"]}` },
      { ...good, "webhook-id": "msg_2" },
      { ...good, "webhook-id": "x".repeat(HOOK_LIMITS.messageIdCharacters + 1) },
      { ...good, "webhook-timestamp": "0" },
      { ...good, "webhook-timestamp": "1e9" },
      { ...good, "webhook-timestamp": "-1" },
      standardHeaders(foreign, "msg_1", body),
      standardHeaders(hook.secret, "msg_1", body, minutesAgo(6)),
      standardHeaders(hook.secret, "msg_1", body, minutesAgo(-6)),
      standardHeaders(hook.secret, "msg_1", `${body} `),
    ];
    for (const headers of bad) {
      const answer = await post(hook, headers, body);
      expect([answer.status, (await errorOf(answer)).code]).toEqual([401, "hook_signature_wrong"]);
    }
    expect(await deliveriesOf(owner.apiKey, hook.id)).toEqual([]);
    expect(await refusedOf()).toBe(bad.length);
    expect((await post(hook, good, body)).status).toBe(200);
    expect((await post(hook, standardHeaders(hook.secret, "msg_3", body, minutesAgo(4)), body)).status).toBe(200);
  });

  it("may not be larger than 256 KiB, signed or not", async () => {
    const most = JSON.stringify("x".repeat(HOOK_LIMITS.bodyBytes - 2));
    expect((await post(hook, standardHeaders(hook.secret, "msg_1", most), most)).status).toBe(202);
    const over = `${most} `;
    const answer = await post(hook, standardHeaders(hook.secret, "msg_2", over), over);
    expect(answer.status).toBe(413);
    expect(await deliveriesOf(owner.apiKey, hook.id)).toMatchObject([{ bytes: HOOK_LIMITS.bodyBytes }]);
  });

  it("finds nothing at other addresses, and no other method", async () => {
    const nowhere = [
      `/hooks/hook_${"A".repeat(32)}`,
      "/hooks/x",
      `/hooks/${hook.id}x`,
      `/hooks/${encodeURIComponent("../x")}`,
    ];
    for (const path of nowhere) expect((await request(path, { method: "POST", body: "{}" })).status).toBe(404);
    for (const method of ["GET", "PUT", "DELETE", "PATCH"])
      expect((await request(`/hooks/${hook.id}`, { method })).status).toBe(405);
  });
});

describe("floods", () => {
  it("are cut to what an address takes in a minute, and the edge goes on", async () => {
    const all = await Promise.all(
      Array.from({ length: 150 }, async (_, n) => await sendMessage(hook, `msg_${n}`, "silent")),
    );
    const refused = all.filter(({ status }) => status === 429);
    expect(all.filter(({ status }) => status === 202)).toHaveLength(150 - refused.length);
    expect(150 - refused.length).toBeGreaterThanOrEqual(HOOK_LIMITS.perMinute);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ headers }) => Number(headers.get("retry-after")) > 0)).toBe(true);
    expect((await deliveriesOf(owner.apiKey, hook.id)).length).toBeLessThanOrEqual(
      HOOK_LIMITS.kept + HOOK_LIMITS.waiting,
    );
    // What was turned away may come again later; another address is not concerned.
    const calm = await makeHook(owner.apiKey, { plugin: PLUGIN });
    expect((await sendMessage(calm, "msg_1", 1)).status).toBe(200);
  });

  it("of wrong signatures do not keep the sender out", async () => {
    const flood = Array.from({ length: 100 }, async () => (await post(hook, { "webhook-id": "x" }, "{}")).status);
    expect(new Set(await Promise.all(flood))).toEqual(new Set([401]));
    expect((await sendMessage(hook, "msg_1", 1)).status).toBe(200);
    expect(await refusedOf()).toBe(100);
  });
});

describe("an address", () => {
  it("takes both secrets for a day after a rotation", async () => {
    const rotated = await (await send(owner.apiKey, "POST", `/api/hooks/${hook.id}/secret`)).json<MadeHook>();
    expect(rotated.secret).not.toBe(hook.secret);
    expect(Date.parse(rotated.oldSecretUntil ?? "")).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    expect((await sendMessage(hook, "msg_1", 1, hook.secret)).status).toBe(200);
    expect((await sendMessage(hook, "msg_2", 1, rotated.secret)).status).toBe(200);
    await send(owner.apiKey, "POST", `/api/hooks/${hook.id}/secret`);
    expect((await sendMessage(hook, "msg_3", 1, hook.secret)).status).toBe(401);
    const weak = await send(owner.apiKey, "POST", `/api/hooks/${hook.id}/secret`, { secret: "whsec_AAAAAAAAAAAA" });
    expect(await errorOf(weak)).toMatchObject({ code: "invalid_request", param: "secret" });
  });

  it("is its person's alone, and never tells its secret again", async () => {
    const [shown] = await hooksOf(owner.apiKey);
    expect(JSON.stringify(shown)).not.toContain(hook.secret);
    expect(shown?.url).toContain(`/hooks/${hook.id}`);
    expect(await hooksOf(other)).toEqual([]);
    const tries = [
      await send(other, "PATCH", `/api/hooks/${hook.id}`, { paused: true }),
      await send(other, "DELETE", `/api/hooks/${hook.id}`),
      await send(other, "POST", `/api/hooks/${hook.id}/secret`),
      await send(other, "GET", `/api/hooks/${hook.id}/deliveries`),
    ];
    expect(tries.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    const program = await insertKey(owner.accountId, "plugins");
    expect(await hooksOf(program)).toEqual([]);
    const into = await send(program, "POST", "/api/hooks", { name: "x", session: null });
    expect(into.status).toBe(403);
    const none = await send(other, "POST", "/api/hooks", { name: "x", plugin: PLUGIN });
    expect(await errorOf(none)).toMatchObject({ code: "invalid_request", param: "plugin" });
  });

  it("takes nothing while it is paused, and nothing once it is removed, or its plugin", async () => {
    await send(owner.apiKey, "PATCH", `/api/hooks/${hook.id}`, { paused: true });
    expect((await sendMessage(hook, "msg_1", 1)).status).toBe(404);
    await send(owner.apiKey, "PATCH", `/api/hooks/${hook.id}`, { paused: false });
    expect((await sendMessage(hook, "msg_1", 1)).status).toBe(200);
    const second = await makeHook(owner.apiKey, { plugin: PLUGIN });
    expect((await send(owner.apiKey, "DELETE", `/api/hooks/${second.id}`)).status).toBe(204);
    expect((await sendMessage(second, "msg_1", 1)).status).toBe(404);
    await send(owner.apiKey, "DELETE", "/api/plugins/test/tried");
    expect((await sendMessage(hook, "msg_2", 1)).status).toBe(404);
    expect(await hooksOf(owner.apiKey)).toEqual([]);
  });

  it("ends with its person", async () => {
    const userId = await insertUser(owner.accountId, "member");
    const key = await insertKey(owner.accountId, "admin", userId);
    await install(key, await packed({}, { permissions: { storageBytes: 10_000 } }, WEBHOOK));
    const theirs = await makeHook(key, { plugin: PLUGIN });
    expect((await sendMessage(theirs, "msg_1", 1)).status).toBe(200);
    await env.HOME.getByName(owner.accountId).keyRevoked(userId);
    expect((await sendMessage(theirs, "msg_2", 1)).status).toBe(404);
  });
});
