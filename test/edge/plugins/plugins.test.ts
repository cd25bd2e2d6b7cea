import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  call,
  inspect,
  type Inspected,
  install,
  type ListedCall,
  packed,
  type Shown,
  type WholeCall,
} from "./support.ts";

const ASKS = { storageBytes: 1_000, secrets: ["TOKEN", "OTHER"], net: ["example.com"], model: true };
const BODIES = {
  echo: "return context.input",
  has: "return Object.keys(context).toSorted()",
  put: `await context.storage.set(context.input.key, "x".repeat(context.input.size)); return (await context.storage.list())`,
  get: `return new TextDecoder().decode(await context.storage.get(context.input.key))`,
  drop: "await context.storage.delete(context.input.key); return await context.storage.list()",
  secret: "return (await context.secret(context.input.name)) ?? null",
  talk: `await context.log("one"); await context.progress(0.5, "half"); await context.log("two"); return null`,
  fail: `await context.log("before"); throw new Error("Out of paper.")`,
};

let owner: Owner;
let other: string;
beforeAll(async () => {
  owner = await setUp();
  other = await insertKey(owner.accountId, "plugins", await insertUser(owner.accountId, "member"));
});

const one = async (apiKey = owner.apiKey): Promise<Shown> =>
  await (await send(apiKey, "GET", "/api/plugins/test/tried")).json<Shown>();

describe("installing", () => {
  it("tells what a package is and asks for, and installs what was agreed to", async () => {
    const bytes = await packed(BODIES, { permissions: ASKS });
    const seen = await (await inspect(owner.apiKey, bytes)).json<Inspected>();
    expect(seen).toMatchObject({ name: "@test/tried", version: "1.0.0", signer: null, installed: null });
    expect(seen.tools.map(({ name }) => name)).toEqual(Object.keys(BODIES));
    expect(seen.asksMore).toContainEqual({ permission: "net", added: ["example.com"], removed: [] });
    const wide = await send(owner.apiKey, "POST", "/api/plugins", {
      hash: seen.hash,
      permissions: { ...ASKS, files: true },
    });
    expect(wide.status).toBe(400);
    expect((await send(owner.apiKey, "GET", "/api/plugins/test/tried")).status).toBe(404);
    const made = await install(owner.apiKey, bytes);
    expect(made).toMatchObject({ hash: seen.hash, permissions: ASKS, enabled: true, storedBytes: 0, secretsSet: [] });
    const { plugins } = await (await send(owner.apiKey, "GET", "/api/plugins")).json<{ plugins: Shown[] }>();
    expect(plugins).toEqual([made]);
    expect((await (await send(other, "GET", "/api/plugins")).json<{ plugins: Shown[] }>()).plugins).toEqual([]);
    expect((await send(other, "GET", "/api/plugins/test/tried")).status).toBe(404);
  });

  it("refuses bytes that are no package, and hashes that nobody sent", async () => {
    const good = await packed(BODIES, { permissions: ASKS });
    const cut = good.slice(0, good.length - 600);
    const bent = good.slice();
    const text = new TextDecoder("latin1").decode(good);
    bent[text.indexOf("export default")] = 0x20;
    for (const bytes of [new Uint8Array(), new Uint8Array([0x1f, 0x8b, 8, 0]), cut, bent, new Uint8Array(2_048)]) {
      const refused = await inspect(owner.apiKey, bytes);
      expect(await errorOf(refused)).toMatchObject({ code: "plugin_invalid" });
      expect(refused.status).toBe(422);
    }
    const broken = await packed({ a: "}}}} (" });
    expect(await errorOf(await inspect(owner.apiKey, broken))).toMatchObject({ code: "plugin_failed" });
    const none = await send(owner.apiKey, "POST", "/api/plugins", { hash: "0".repeat(64), permissions: {} });
    expect(await errorOf(none)).toMatchObject({ code: "not_found" });
  });

  it("goes over to another version for the person's word alone, and keeps values", async () => {
    await install(owner.apiKey, await packed(BODIES, { permissions: ASKS }));
    expect(await call(owner.apiKey, "put", { key: "kept", size: 3 })).toMatchObject({ ok: true });
    const next = await packed(
      { ...BODIES, more: "return 2" },
      { version: "1.1.0", permissions: { ...ASKS, files: true } },
    );
    const seen = await (await inspect(owner.apiKey, next)).json<Inspected>();
    expect(seen.installed).toMatchObject({ version: "1.0.0" });
    expect(seen.asksMore).toEqual([{ permission: "files", added: ["true"], removed: [] }]);
    expect(await call(owner.apiKey, "more")).toMatchObject({ ok: false, error: { code: "plugin_input_invalid" } });
    await install(owner.apiKey, next, ASKS);
    expect(await call(owner.apiKey, "more")).toMatchObject({ ok: true, value: 2 });
    expect(await call(owner.apiKey, "get", { key: "kept" })).toMatchObject({ value: "xxx" });
    expect(await one()).toMatchObject({ version: "1.1.0", permissions: { files: false }, asks: { files: true } });
  });

  it("needs the scope, and who may change anything", async () => {
    const narrow = await insertKey(owner.accountId, "inference");
    const viewer = await insertKey(owner.accountId, "plugins", await insertUser(owner.accountId, "viewer"));
    expect((await send(narrow, "GET", "/api/plugins")).status).toBe(403);
    expect((await send(viewer, "GET", "/api/plugins")).status).toBe(200);
    expect((await inspect(viewer, await packed({ a: "" }))).status).toBe(403);
  });

  it("leaves a trail of what was installed, granted and removed", async () => {
    await install(owner.apiKey, await packed({ a: "return 1" }, { name: "@test/trail" }));
    await send(owner.apiKey, "PATCH", "/api/plugins/test/trail", { enabled: false });
    expect(await send(owner.apiKey, "DELETE", "/api/plugins/test/trail")).toMatchObject({ status: 204 });
    const rows = await env.DB.prepare(
      "SELECT action FROM audit_log WHERE target LIKE '@test/trail%' ORDER BY id",
    ).all();
    expect(rows.results.map(({ action }) => action)).toEqual(["plugin_installed", "plugin_changed", "plugin_removed"]);
  });
});

describe("calls at the edge", () => {
  beforeAll(async () => {
    await install(owner.apiKey, await packed(BODIES, { permissions: ASKS }));
    await send(owner.apiKey, "DELETE", "/api/plugins/test/tried");
    await install(owner.apiKey, await packed(BODIES, { permissions: ASKS }));
  });

  it("gives what was granted, and nothing else", async () => {
    const base = ["caller", "input", "log", "progress", "signal"];
    expect(await call(owner.apiKey, "has")).toMatchObject({
      value: [...base, "fetch", "model", "secret", "storage"].toSorted(),
    });
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { permissions: { secrets: ["TOKEN"] } });
    expect(await call(owner.apiKey, "has")).toMatchObject({ value: [...base, "secret"].toSorted() });
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { permissions: ASKS });
    const wide = await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", {
      permissions: { ...ASKS, net: ["evil.example"] },
    });
    expect(wide.status).toBe(400);
  });

  it("keeps values up to what was granted, each plugin and person their own", async () => {
    expect(await call(owner.apiKey, "put", { key: "a", size: 500 })).toMatchObject({ value: ["a"] });
    const full = await call(owner.apiKey, "put", { key: "b", size: 600 });
    expect(full).toMatchObject({ ok: false, error: { code: "plugin_failed" } });
    expect(full.error?.message).toContain("full");
    // The same key again takes the place of what it had.
    expect(await call(owner.apiKey, "put", { key: "a", size: 900 })).toMatchObject({ value: ["a"] });
    expect((await one()).storedBytes).toBe(901);
    expect(await call(owner.apiKey, "drop", { key: "a" })).toMatchObject({ value: [] });
    expect((await one()).storedBytes).toBe(0);
    await call(owner.apiKey, "put", { key: "mine", size: 1 });
    await install(other, await packed(BODIES, { permissions: ASKS }));
    expect(await call(other, "put", { key: "theirs", size: 1 })).toMatchObject({ value: ["theirs"] });
    await install(owner.apiKey, await packed(BODIES, { name: "@test/second", permissions: ASKS }));
    expect(await call(owner.apiKey, "put", { key: "second", size: 1 }, "test/second")).toMatchObject({
      value: ["second"],
    });
  });

  it("gives secrets by name while they are granted, and keeps them sealed", async () => {
    const path = "/api/plugins/test/tried/secrets";
    expect((await send(owner.apiKey, "PUT", `${path}/TOKEN`, { value: "s3cret-value" })).status).toBe(204);
    expect((await send(owner.apiKey, "PUT", `${path}/UNASKED`, { value: "x" })).status).toBe(400);
    const told = await call(owner.apiKey, "secret", { name: "TOKEN" });
    expect(told).toMatchObject({ value: "s3cret-value" });
    const { result } = await (await send(owner.apiKey, "GET", `/api/plugin-calls/${told.id}`)).json<WholeCall>();
    expect(result).toBe('"[secret]"');
    expect(await call(owner.apiKey, "secret", { name: "OTHER" })).toMatchObject({ value: null });
    expect(await call(owner.apiKey, "secret", { name: "UNASKED" })).toMatchObject({ ok: false });
    expect(await one()).toMatchObject({ secretsSet: ["TOKEN"] });
    const rows = await runInDurableObject(env.HOME.getByName(owner.accountId), (_home, { storage }) =>
      storage.sql.exec("SELECT * FROM plugin_secrets").toArray(),
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain("s3cret");
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { permissions: { ...ASKS, secrets: ["OTHER"] } });
    expect(await call(owner.apiKey, "secret", { name: "TOKEN" })).toMatchObject({ ok: false });
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { permissions: ASKS });
    expect((await send(owner.apiKey, "DELETE", `${path}/TOKEN`)).status).toBe(204);
    expect((await send(owner.apiKey, "DELETE", `${path}/TOKEN`)).status).toBe(404);
    expect(await call(owner.apiKey, "secret", { name: "TOKEN" })).toMatchObject({ value: null });
  });

  it("writes each call down, for its person alone, within bounds", async () => {
    await call(owner.apiKey, "talk");
    const failed = await call(owner.apiKey, "fail", { why: "x" });
    expect(failed).toMatchObject({
      ok: false,
      error: { code: "plugin_failed", message: "The plugin failed: Out of paper." },
    });
    const list = await send(owner.apiKey, "GET", "/api/plugin-calls?plugin=@test/tried&limit=2");
    const { calls } = await list.json<{ calls: ListedCall[] }>();
    expect(calls).toMatchObject([
      { id: failed.id, tool: "fail", state: "failed", place: "edge", error: { code: "plugin_failed" } },
      { tool: "talk", state: "done", error: null },
    ]);
    const whole = await (await send(owner.apiKey, "GET", `/api/plugin-calls/${failed.id}`)).json<WholeCall>();
    expect(whole).toMatchObject({ input: '{"why":"x"}', result: null, logs: "before" });
    expect((await send(other, "GET", `/api/plugin-calls/${failed.id}`)).status).toBe(404);
    const before = await send(owner.apiKey, "GET", `/api/plugin-calls?before=${failed.id}&limit=1`);
    expect((await before.json<{ calls: ListedCall[] }>()).calls).toMatchObject([{ tool: "talk" }]);
    const long = await call(owner.apiKey, "echo", { text: "ä".repeat(100_000) });
    const cut = await (await send(owner.apiKey, "GET", `/api/plugin-calls/${long.id}`)).json<WholeCall>();
    expect(new TextEncoder().encode(cut.result ?? "").length).toBeLessThanOrEqual(64 * 1024);
    expect(cut.result).toMatch(/ä…$/);
  });

  it("does not call what is switched off, or asks at home alone", async () => {
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { enabled: false });
    expect((await send(owner.apiKey, "POST", "/api/plugins/test/tried/call", { tool: "echo" })).status).toBe(404);
    await send(owner.apiKey, "PATCH", "/api/plugins/test/tried", { enabled: true });
    const home = await inspect(owner.apiKey, await packed({ a: "" }, { name: "@test/home", runsOn: "home" }));
    expect(await errorOf(home)).toMatchObject({ code: "plugin_no_runtime" });
  });

  it("removes values and secrets with the plugin", async () => {
    await call(owner.apiKey, "put", { key: "left", size: 1 });
    await send(owner.apiKey, "PUT", "/api/plugins/test/tried/secrets/TOKEN", { value: "x" });
    await send(owner.apiKey, "DELETE", "/api/plugins/test/tried");
    await install(owner.apiKey, await packed(BODIES, { permissions: ASKS }));
    expect(await one()).toMatchObject({ storedBytes: 0, secretsSet: [] });
    expect(await call(owner.apiKey, "drop", { key: "none" })).toMatchObject({ value: [] });
  });
});

describe("what a plugin may not, at the edge", () => {
  const ATTACKS: Record<string, string> = {
    node: `return await import("node:fs").then(() => "in", () => "out")`,
    global_fetch: `return await fetch("https://example.com/").then(() => "in", () => "out")`,
    sockets: `const { connect } = await import("cloudflare:sockets"); try { await connect("1.1.1.1:443").opened; return "in" } catch { return "out" }`,
    env: `const { env, exports } = await import("cloudflare:workers"); return Object.keys(env).length + Object.keys(exports ?? {}).filter((name) => name !== "default").length === 0 ? "out" : "in"`,
    code: `try { return new Function("return 1")() === 1 ? "in" : "?" } catch { return "out" }`,
    ungranted: `return (await context.secret?.("TOKEN").then(() => "in", () => "out")) ?? "out"`,
    off_host: `return await context.fetch("https://example.org/").then(() => "in", () => "out")`,
    local: `return await context.fetch("http://localhost/").then(() => "in", () => "out")`,
  };

  it("finds no way out", async () => {
    await install(owner.apiKey, await packed(ATTACKS, { name: "@test/attack", permissions: { net: ["example.com"] } }));
    for (const name of Object.keys(ATTACKS))
      expect({ name, outcome: await call(owner.apiKey, name, {}, "test/attack") }).toMatchObject({
        outcome: { value: "out" },
      });
  });

  it("gets no more uses, logs or results than a call may have", async () => {
    const bodies = {
      uses: "for (let i = 0; i < 1_100; i++) await context.progress(0)",
      logs: `for (let i = 0; i < 300; i++) await context.log("line " + i); return 1`,
      large: `return "x".repeat(1_100_000)`,
      circle: "const a = {}; a.a = a; return a",
    };
    await install(owner.apiKey, await packed(bodies, { name: "@test/flood" }));
    expect(await call(owner.apiKey, "uses", {}, "test/flood")).toMatchObject({ ok: false });
    const logs = await call(owner.apiKey, "logs", {}, "test/flood");
    expect(logs).toMatchObject({ ok: true });
    const { logs: kept } = await (await send(owner.apiKey, "GET", `/api/plugin-calls/${logs.id}`)).json<WholeCall>();
    expect(kept.split("\n")).toHaveLength(100);
    expect(await call(owner.apiKey, "large", {}, "test/flood")).toMatchObject({ error: { code: "plugin_failed" } });
    expect(await call(owner.apiKey, "circle", {}, "test/flood")).toMatchObject({ error: { code: "plugin_failed" } });
  });

  it("cannot use a capability once its call has ended", async () => {
    const bodies = {
      keep: `globalThis.kept = context.storage; await context.storage.set("a", "1"); return "kept"`,
      later: `return await globalThis.kept.set("b", "2").then(() => "in", () => "out")`,
    };
    await install(owner.apiKey, await packed(bodies, { name: "@test/later", permissions: { storageBytes: 100 } }));
    expect(await call(owner.apiKey, "keep", {}, "test/later")).toMatchObject({ value: "kept" });
    expect(await call(owner.apiKey, "later", {}, "test/later")).toMatchObject({ value: "out" });
  });
});

it("forgets a person's plugins with the person", async () => {
  const userId = await insertUser(owner.accountId, "member");
  const apiKey = await insertKey(owner.accountId, "plugins", userId);
  await install(apiKey, await packed(BODIES, { permissions: ASKS }));
  await call(apiKey, "put", { key: "a", size: 1 });
  const gone = await request(`/api/members/${userId}`, { method: "DELETE", headers: bearer(owner.apiKey) });
  if (gone.status === 403) await env.HOME.getByName(owner.accountId).keyRevoked(userId);
  const left = await runInDurableObject(env.HOME.getByName(owner.accountId), (_home, { storage }) =>
    ["plugin_installs", "plugin_values", "plugin_secrets", "plugin_calls", "plugin_value_sizes"].flatMap((table) =>
      storage.sql.exec(`SELECT user_id FROM ${table} WHERE user_id = ?`, userId).toArray(),
    ),
  );
  expect(left).toEqual([]);
});
