import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PackageCache } from "../../../node-agent/plugins/package-cache.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { type PluginHost, servePlugin } from "../../../node-agent/plugins/serve-plugin.ts";
import { HomeRuntime, type PluginTunnel } from "../../../edge/home/plugins/runtime/home-runtime.ts";
import type { RuntimeCall } from "../../../edge/home/plugins/runtime/runtime.ts";
import { grant, type HostPorts } from "../../../shared/plugin/host/grants.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import type { PluginPackage } from "../../../shared/plugin/package.ts";
import { writePackage } from "../../../shared/plugin/package.ts";
import { parseOffers } from "../../../shared/plugin/tool-list.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import type { Session } from "../../../shared/protocol/types.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { memoryKeyValues } from "../../support/memory-key-values.ts";
import { EVERY_PART_OFFERS, everyPart, PART_CALLS } from "../../support/plugin-parts.ts";
import { plugin } from "../../support/plugin.ts";

/** The edge's end of a tunnel whose other end runs plugins with `host`. */
function tunnelTo(host: PluginHost | undefined): Session {
  const end = (role: "edge" | "agent", peer: () => Session): Session =>
    createSession({
      role,
      limits: DEFAULT_SESSION_LIMITS,
      transport: {
        send: (bytes) => queueMicrotask(() => peer().receive(bytes.slice())),
        close: (code, reason) => {
          throw new Error(`closed: ${code} ${reason}`);
        },
      },
      onStream: (stream) => void servePlugin(stream, host),
      onControl: () => undefined,
    });
  const edge: Session = end("edge", () => agent);
  const agent: Session = end("agent", () => edge);
  return edge;
}

describe("plugins through the tunnel", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let host: PluginHost;
  let session: Session;
  let loads = 0;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const guardedFetch = async (): Promise<Response> => new Response("fetched");
    host = { sandbox: new PluginSandbox(), packages: new PackageCache(folder.path), guardedFetch };
    session = tunnelTo(host);
  });
  afterAll(async () => {
    await host.sandbox.stop();
    await folder[Symbol.asyncDispose]();
  });

  const runtime = (): HomeRuntime<PluginTunnel> =>
    new HomeRuntime<PluginTunnel>({
      tunnels: () => [{ agentId: "a", plugins: true, leaving: false }],
      openStream: (_tunnel, header) => session.open(header),
    });

  const MOST = permissionsSchema.parse({
    net: ["example.com"],
    model: true,
    storageBytes: 1_000,
    files: true,
    secrets: ["TOKEN"],
    tools: ["a.b"],
  });

  function callOf(
    of: PluginPackage,
    tool: string,
    ports: HostPorts = {},
    more: Partial<RuntimeCall> = {},
  ): RuntimeCall {
    return {
      hash: of.hash,
      load: async () => {
        loads++;
        return writePackage(of.manifest, of.files);
      },
      owner: "p",
      tool,
      input: "{}",
      caller: { locale: "en", timeZone: "UTC" },
      granted: grant(MOST, ports),
      net: [],
      wallTimeMs: 10_000,
      signal: new AbortController().signal,
      ...more,
    };
  }

  const FULL = `
    const bytes = new Uint8Array(300_000).fill(7);
    await context.storage.set("k", bytes);
    const back = await context.storage.get("k");
    await context.log("one");
    await context.progress(0.5, "half");
    return { size: back.length, missing: (await context.storage.get("none")) ?? null, secret: await context.secret("TOKEN"),
      model: await context.model({ prompt: "q" }), files: await context.files.list(), file: (await context.files.read("f"))[0],
      tool: await context.hostTool("a.b", { x: 1 }), fetch: typeof context.fetch };`;

  it("runs every part of a plugin as beside the edge", async () => {
    const { hash, bytes, manifest } = await everyPart();
    const of = { hash, owner: "p", load: async (): Promise<Uint8Array> => bytes };
    const signal = new AbortController().signal;
    const { tools, parts } = parseOffers(await runtime().describe(of, signal));
    expect({ tools: tools.map(({ name }) => name), parts: parts.map(({ part }) => part) }).toEqual(EVERY_PART_OFFERS);
    const granted = grant(manifest.permissions, { storage: memoryKeyValues() });
    for (const { call: tool, input, value, fails } of PART_CALLS) {
      const caller = { locale: "zh-CN", timeZone: "UTC" } as const;
      const call = { ...of, tool, input: JSON.stringify(input), caller, granted, net: [], wallTimeMs: 10_000, signal };
      const calling = runtime()
        .call(call)
        .then((text): unknown => JSON.parse(text));
      if (fails === undefined) expect([tool, await calling]).toEqual([tool, value]);
      else await expect(calling).rejects.toThrow(fails);
    }
  });

  it("answers nothing for a secret that nobody set", async () => {
    const of = await plugin({ unset: `return (await context.secret("TOKEN")) === undefined;` });
    const secret = async (): Promise<string | undefined> => await Promise.resolve(undefined);
    expect(await runtime().call(callOf(of, "unset", { secret }))).toBe("true");
  });

  it("answers each use of a capability, and brings a package once", async () => {
    const of = await plugin({ full: FULL });
    const kept = new Map<string, Uint8Array<ArrayBuffer>>();
    const said: unknown[] = [];
    const ports: HostPorts = {
      storage: {
        get: async (key) => kept.get(key),
        set: async (key, value) => void kept.set(key, value),
        delete: async (key) => void kept.delete(key),
        list: async () => [...kept.keys()],
      },
      secret: async (name) => `value of ${name}`,
      model: async ({ prompt }) => `answer to ${prompt}`,
      files: {
        list: async () => [{ id: "f", name: "f.txt", type: "text/plain", bytes: 1 }],
        read: async () => new Uint8Array([9]),
      },
      hostTool: async (name, input) => ({ name, input }),
      onLog: (line) => void said.push(line),
      onProgress: (done, words) => void said.push([done, words]),
    };
    loads = 0;
    const first = JSON.parse(await runtime().call(callOf(of, "full", ports)));
    expect(first).toEqual({
      size: 300_000,
      missing: null,
      secret: "value of TOKEN",
      model: "answer to q",
      files: [{ id: "f", name: "f.txt", type: "text/plain", bytes: 1 }],
      file: 9,
      tool: { name: "a.b", input: { x: 1 } },
      fetch: "undefined",
    });
    expect(said).toEqual(["one", [0.5, "half"]]);
    await runtime().call(callOf(of, "full", ports));
    expect(loads).toBe(1);
    expect(JSON.parse(await runtime().describe(callOf(of, ""), new AbortController().signal))[0].name).toBe("full");
  });

  it("keeps what one person's calls leave behind from another's", async () => {
    const of = await plugin({ count: "globalThis.n = (globalThis.n ?? 0) + 1; return globalThis.n" });
    expect(await runtime().call(callOf(of, "count"))).toBe("1");
    expect(await runtime().call(callOf(of, "count"))).toBe("2");
    expect(await runtime().call(callOf(of, "count", {}, { owner: "q" }))).toBe("1");
  });

  it("is told no for what was withdrawn, whatever the machine asks", async () => {
    const of = await plugin({
      ask: `try { return await context.secret("TOKEN") } catch (error) { return error.message }`,
    });
    const none = grant(permissionsSchema.parse({}), {});
    const forged = { grants: ["secret" as const], capabilities: none.capabilities };
    expect(await runtime().call(callOf(of, "ask", {}, { granted: forged }))).toContain("was not granted");
  });

  it("tells the plugin when nobody waits any more, and stops it if it stays", async () => {
    const of = await plugin({
      polite: `await context.log("up"); await new Promise((end) => context.signal.addEventListener("abort", end)); await new Promise((end) => setTimeout(end, 100)); return 1;`,
      rude: `await context.log("up"); for (;;) await new Promise((end) => setTimeout(end, 10));`,
    });
    for (const tool of ["polite", "rude"]) {
      const gone = new AbortController();
      const call = callOf(of, tool, { onLog: () => gone.abort() }, { signal: gone.signal });
      await expect(runtime().call(call)).rejects.toMatchObject({ code: "cancelled" });
    }
    const next = await plugin({ next: "return 2" });
    expect(await runtime().call(callOf(next, "next"))).toBe("2");
  });

  it("keeps the tunnel through loops, crashes, memory bombs and floods", async () => {
    const of = await plugin({
      loop: "for (;;);",
      exit: `(await import("node:process")).default.exit(1)`,
      flood: `for (let i = 0; i < 5_000; i++) await context.log("x".repeat(5_000)); return 1`,
      burst: `await Promise.all(Array.from({ length: 3_000 }, () => context.storage.get("k"))); return 1`,
      large: `return "x".repeat(3_000_000)`,
    });
    for (const [tool, code] of [
      ["loop", "plugin_timeout"],
      ["exit", "plugin_failed"],
      ["flood", "plugin_failed"],
      ["burst", "plugin_failed"],
      ["large", "plugin_failed"],
    ])
      await expect(
        runtime().call(callOf(of, tool ?? "", {}, { wallTimeMs: tool === "loop" ? 300 : 10_000 })),
      ).rejects.toMatchObject({ code });
    const next = await plugin({ next: "return 2" });
    expect(await runtime().call(callOf(next, "next"))).toBe("2");
    expect(session.streamCount).toBe(0);
  });

  it("refuses bytes that are not the package, from the edge or from its own disk", async () => {
    const [of, other] = await Promise.all([plugin({ a: "return 1" }), plugin({ a: "return 2" })]);
    const swapped = callOf(of, "a", {}, { load: async () => writePackage(other.manifest, other.files) });
    await expect(runtime().call(swapped)).rejects.toMatchObject({ code: "plugin_invalid" });
    const broken = callOf(of, "a", {}, { load: async () => new Uint8Array(100_000).fill(65) });
    await expect(runtime().call(broken)).rejects.toMatchObject({ code: "plugin_invalid" });
    expect(await runtime().call(callOf(of, "a"))).toBe("1");
    const path = join(folder.path, `${of.hash}.plugin`);
    await writeFile(path, (await readFile(path)).fill(66, 600, 700));
    loads = 0;
    session = tunnelTo({ ...host, packages: new PackageCache(folder.path) });
    expect(await runtime().call(callOf(of, "a"))).toBe("1");
    expect(loads).toBe(1);
  });

  it("answers lines that make no sense with an error", async () => {
    for (const text of [
      "nonsense\n",
      '{"type":"answer","use":0}\n',
      '{"type":"call"}\n',
      "",
      `${"[".repeat(100_000)}\n`,
    ]) {
      const stream = session.open({ kind: "plugin", requestId: "r" });
      stream.write(new TextEncoder().encode(text)).catch(() => undefined);
      stream.end();
      let answer = "";
      for await (const piece of stream.incoming) answer += Buffer.from(piece).toString();
      expect(JSON.parse(answer)).toMatchObject({ type: "failed", error: { code: "invalid_request" } });
    }
  });

  it("says when no machine runs plugins", async () => {
    const none = new HomeRuntime({ tunnels: () => [], openStream: (_tunnel, header) => session.open(header) });
    const of = await plugin({ a: "return 1" });
    await expect(none.call(callOf(of, "a"))).rejects.toMatchObject({ code: "plugin_no_runtime" });
  });
});
