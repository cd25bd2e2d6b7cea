import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { EdgeRuntime } from "../../../edge/home/plugins/runtime/edge-runtime.ts";
import type { RuntimeCall } from "../../../edge/home/plugins/runtime/runtime.ts";
import { grant, type HostPorts } from "../../../shared/plugin/host/grants.ts";
import { permissionsSchema } from "../../../shared/plugin/manifest.ts";
import { readPackage } from "../../../shared/plugin/package.ts";
import { packed } from "./support.ts";

const BODIES = {
  count: "globalThis.n = (globalThis.n ?? 0) + 1; return globalThis.n",
  polite: `await context.log("up"); await new Promise((end) => context.signal.addEventListener("abort", end)); return "told"`,
  rude: `await context.log("up"); await new Promise(() => setInterval(() => undefined, 1_000))`,
  odd: "return 1n",
};

const runtime = new EdgeRuntime(env.LOADER);
let bytes: Uint8Array;
let hash: string;
beforeAll(async () => {
  bytes = await packed(BODIES);
  ({ hash } = await readPackage(bytes));
});

function call(tool: string, ports: HostPorts = {}, more: Partial<RuntimeCall> = {}): RuntimeCall {
  return {
    hash,
    load: async () => bytes,
    owner: "p",
    tool,
    input: "{}",
    caller: { locale: "en", timeZone: "UTC" },
    granted: grant(permissionsSchema.parse({}), ports),
    net: [],
    wallTimeMs: 10_000,
    signal: new AbortController().signal,
    ...more,
  };
}

it("keeps what one person's calls leave behind from another's", async () => {
  expect(await runtime.call(call("count"))).toBe("1");
  expect(await runtime.call(call("count"))).toBe("2");
  expect(await runtime.call(call("count", {}, { owner: "q" }))).toBe("1");
});

it("tells the plugin when nobody waits any more, and leaves one behind that stays", async () => {
  const gone = new AbortController();
  const told = await runtime.call(call("polite", { onLog: () => gone.abort() }, { signal: gone.signal }));
  expect(told).toBe('"told"');
  const late = new AbortController();
  const rude = runtime.call(call("rude", { onLog: () => late.abort() }, { signal: late.signal }));
  await expect(rude).rejects.toMatchObject({ code: "cancelled" });
  // Another isolate than the one that stays.
  expect(await runtime.call(call("count"))).toBe("1");
  await expect(runtime.call(call("count", {}, { signal: late.signal }))).rejects.toMatchObject({ code: "cancelled" });
});

it("waits no longer than a call may take", async () => {
  await expect(runtime.call(call("rude", {}, { wallTimeMs: 100 }))).rejects.toMatchObject({ code: "plugin_timeout" });
});

it("refuses results that are not JSON, and bytes that are another package", async () => {
  await expect(runtime.call(call("odd"))).rejects.toMatchObject({ code: "plugin_failed" });
  const other = await packed({ ...BODIES, count: "return 'other'" });
  const swapped = call("count", {}, { owner: "swapped", load: async () => other });
  await expect(runtime.call(swapped)).rejects.toMatchObject({ code: "plugin_failed" });
});

it("is not there without a loader", async () => {
  const none = new EdgeRuntime(undefined);
  expect(none.isThere()).toBe(false);
  await expect(none.call(call("count"))).rejects.toMatchObject({ code: "plugin_no_runtime" });
});
