import { afterAll, describe, expect, test } from "vitest";
import { buildPlugin } from "../../../node-agent/plugins/build.ts";
import { guardedFetch } from "../../../node-agent/edge/guarded-fetch.ts";
import { grant, type HostPorts } from "../../../shared/plugin/host/grants.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { readPackage, writePackage } from "../../../shared/plugin/package.ts";
import { plugin } from "../../support/plugin.ts";

const sandbox = new PluginSandbox({ processes: 1 });
afterAll(async () => await sandbox.stop());
const caller = { locale: "en", timeZone: "UTC" } as const;

const BODIES = {
  fine: "return 'fine';",
  eval: "return eval('1');",
  function_constructor: "return new Function('return 1')();",
  async_constructor: "return (async () => 1).constructor('return 1')();",
  wasm_compile: "return await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));",
  read_file: "return (await import('node:fs')).readFileSync('/etc/passwd', 'utf8');",
  environment: "return (await import('node:process')).env.PATH.length;",
  node_socket:
    "const { connect } = await import('node:net'); return await new Promise((ok, no) => connect(22, '127.0.0.1').on('connect', () => ok(1)).on('error', no));",
  child_process: "return (await import('node:child_process')).execSync('id').toString();",
  import_other: "return await import('https://example.com/x.js');",
  import_up: "return Object.keys(await import('../dispatcher.js'));",
  global_fetch: "return await fetch('https://example.com/');",
  loopback_fetch: "return await fetch('http://127.0.0.1/');",
  host_fetch: "return await fetch('http://host/use', { headers: { token: 'x' } });",
  socket:
    "const { connect } = await import('cloudflare:sockets'); const s = connect('127.0.0.1:22'); await s.opened; return 1;",
  web_socket:
    "const s = new WebSocket('wss://example.com/'); return await new Promise((ok, no) => { s.onopen = () => ok(1); s.onerror = () => no(new Error('no')); s.onclose = () => no(new Error('no')); });",
  ungranted_fetch: "return await context.fetch('https://example.com/');",
  ungranted_storage: "return await context.storage.get('a');",
  ungranted_secret: "return await context.secret('TOKEN');",
  cyclic: "const a = {}; a.a = a; return a;",
  big: "return 'x'.repeat(3_000_000);",
  thrower: "throw new Error('on purpose');",
  throws_null: "throw null;",
  bad_progress: "await context.progress('much');",
};

describe("what a plugin may not", () => {
  const refused = Object.keys(BODIES).filter((name) => name !== "fine");

  test.each(refused)("%s costs its call alone", async (tool) => {
    const escape = await plugin(BODIES);
    const granted = grant(permissionsSchema.parse({}), {});
    const call = { package: escape, input: {}, caller, granted };
    await expect(sandbox.call({ ...call, tool })).rejects.toMatchObject({ code: "plugin_failed" });
    expect(await sandbox.call({ ...call, tool: "fine" })).toBe("fine");
  });

  test("a loop is stopped, and the next call works", async () => {
    const loops = await plugin({ loop: "for (;;);", fine: "return 'fine';" });
    const call = { package: loops, input: {}, caller, granted: grant(permissionsSchema.parse({}), {}) };
    await expect(sandbox.call({ ...call, tool: "loop", wallTimeMs: 100 })).rejects.toMatchObject({
      code: "plugin_timeout",
    });
    expect(await sandbox.call({ ...call, tool: "fine" })).toBe("fine");
  });
});

describe("what a plugin was granted", () => {
  const net = permissionsSchema.parse({
    net: ["example.com", "rebound.example.com"],
    secrets: ["TOKEN"],
    storageBytes: 10,
  });
  const fetching = plugin({
    get: "const { url, status, body } = await context.fetch(context.input.url); return { url, status, text: new TextDecoder().decode(body) };",
    secret: "return await context.secret(context.input.name);",
    later: "globalThis.kept = context; return 1;",
    use: "return await globalThis.kept.secret('TOKEN');",
    flood: "for (let i = 0; i < 110; i++) await context.log('line'); return 1;",
    uses: "for (let i = 0; i < 12; i++) await context.log('line'); return 1;",
    keys: "return Object.keys(context).sort();",
  });
  const call = async (tool: string, input: object, ports: HostPorts) =>
    await sandbox.call({ package: await fetching, tool, input, caller, granted: grant(net, ports) });

  test("as any public host are public names over https, and never what is nearby", async () => {
    const anywhere = permissionsSchema.parse({ net: ["*"] });
    const get = async (url: string, guard: (request: Request) => Promise<Response>) =>
      await sandbox.call({
        package: await fetching,
        tool: "get",
        input: { url },
        caller,
        granted: grant(anywhere, { guardedFetch: guard }),
      });
    const asked: string[] = [];
    const answers = async (request: Request) => {
      asked.push(request.url);
      const location = new URL(request.url).searchParams.get("to");
      return location === null ? new Response("page") : new Response(null, { status: 302, headers: { location } });
    };
    expect(await get("https://example.com/", answers)).toMatchObject({ text: "page" });
    expect(await get("https://example.com/?to=https://example.org/", answers)).toMatchObject({ text: "page" });
    asked.length = 0;
    for (const url of [
      "http://example.com/",
      "https://127.0.0.1/",
      "https://[::1]/",
      "https://8.8.8.8/",
      "https://2130706433/",
      "https://localhost/",
      "https://router.lan/",
      "https://metadata.google.internal/",
      "https://example.com:8443/",
      "https://user:secret@example.com/",
      "file:///etc/passwd",
    ]) {
      await expect(get(url, answers)).rejects.toThrow(/public hosts by their names/);
      await expect(get(`https://example.com/?to=${encodeURIComponent(url)}`, answers)).rejects.toThrow(/public hosts/);
    }
    expect(asked.every((url) => url.startsWith("https://example.com/?to="))).toBe(true);
    const resolved = guardedFetch({ allowed: [], resolve: async () => [{ address: "10.0.0.1", family: 4 }] });
    await expect(get("https://example.com/", resolved)).rejects.toThrow(/cannot be reached/);
  });

  test("are its hosts alone, redirects too, and no private address behind a name", async () => {
    const answers = async (request: Request) =>
      request.url.endsWith("/away")
        ? new Response(null, { status: 302, headers: { location: "https://elsewhere.example.org/" } })
        : new Response("public");
    expect(await call("get", { url: "https://example.com/" }, { guardedFetch: answers })).toMatchObject({
      text: "public",
    });
    for (const url of [
      "https://example.org/",
      "http://example.com/",
      "https://example.com:8443/",
      "https://example.com@evil.org/",
      "https://example.com/away",
      "file:///etc/passwd",
    ])
      await expect(call("get", { url }, { guardedFetch: answers }), url).rejects.toThrow("alone");
    const rebinding = guardedFetch({ allowed: [], resolve: async () => [{ address: "169.254.169.254", family: 4 }] });
    await expect(call("get", { url: "https://rebound.example.com/" }, { guardedFetch: rebinding })).rejects.toThrow(
      "reached",
    );
  });

  test("are its secrets by name, and nothing once the call has ended", async () => {
    const secret = async (name: string) => `the ${name}`;
    expect(await call("secret", { name: "TOKEN" }, { secret })).toBe("the TOKEN");
    await expect(call("secret", { name: "OTHER" }, { secret })).rejects.toThrow("granted");
    await call("later", {}, { secret });
    await expect(call("use", {}, { secret })).rejects.toMatchObject({ code: "plugin_failed" });
    expect(await call("keys", {}, { secret })).toEqual(["caller", "input", "log", "progress", "secret", "signal"]);
  });

  test("is a bounded log", async () => {
    const lines: string[] = [];
    await call("flood", {}, { onLog: (line) => lines.push(line) });
    expect(lines).toHaveLength(100);
    const few = { package: await fetching, input: {}, caller, granted: grant(net, {}), capabilityCalls: 11 };
    await expect(sandbox.call({ ...few, tool: "uses" })).rejects.toThrow("too often");
  });
});

test("hello greets, in the language of its caller, and takes no other input than it says", async () => {
  const { manifest, files } = await buildPlugin(new URL("../../../plugins/hello", import.meta.url).pathname);
  const hello = await readPackage(writePackage(manifest, files));
  const granted = grant(manifest.permissions, {});
  const call = { package: hello, tool: "greet", granted };
  expect(await sandbox.call({ ...call, caller, input: { name: "Ada" } })).toEqual({ greeting: "Hello, Ada!" });
  const chinese = { locale: "zh-CN", timeZone: "Asia/Shanghai" } as const;
  expect(await sandbox.call({ ...call, caller: chinese, input: { name: "小明" } })).toEqual({
    greeting: "你好, 小明!",
  });
  await expect(sandbox.call({ ...call, caller, input: { name: 1 } })).rejects.toMatchObject({
    code: "plugin_input_invalid",
  });
});
