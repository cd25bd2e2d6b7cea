import { PorchlightError } from "../../../../shared/errors.ts";
import {
  COMPATIBILITY_DATE,
  COMPATIBILITY_FLAGS,
  guestModules,
  MAIN_MODULE,
} from "../../../../shared/plugin/guest/modules.ts";
import type { Capability } from "../../../../shared/plugin/host/capability.ts";
import { ABORT_GRACE_MS, signalCapability } from "../../../../shared/plugin/host/signal-capability.ts";
import { CALL_LIMITS } from "../../../../shared/plugin/limits.ts";
import { readPackage } from "../../../../shared/plugin/package.ts";
import { Capabilities } from "./capabilities.ts";
import { edgeFetch } from "./edge-fetch.ts";
import type { PluginRuntime, RuntimeCall, RuntimePackage } from "./runtime.ts";

/** Of one call, on Cloudflare; workerd elsewhere enforces none. */
const LIMITS = { cpuMs: 10_000, subRequests: CALL_LIMITS.fetches };

/** What an isolate answers: shared/plugin/guest/shim.ts. Its word is not trusted, nor what it returns. */
interface Guest {
  describe(): Promise<unknown>;
  call(tool: string, input: string, grants: readonly string[], caller: object, use: Capabilities): Promise<unknown>;
}

/** Isolates beside the edge itself, by its Worker Loader: one for each package and person, without network and without bindings. */
export class EdgeRuntime implements PluginRuntime {
  readonly place = "edge";
  readonly ports = { guardedFetch: edgeFetch };
  readonly #loader: WorkerLoader | undefined;
  /** Isolates that did not end in time are not used again. */
  readonly #lives = new Map<string, number>();

  constructor(loader: WorkerLoader | undefined) {
    this.#loader = loader;
  }

  isThere(): boolean {
    return this.#loader !== undefined;
  }

  async describe(plugin: RuntimePackage, signal: AbortSignal): Promise<string> {
    return await this.#run(
      plugin,
      new Map(),
      { wallTimeMs: CALL_LIMITS.wallTimeMs, signal },
      async (guest) => await guest.describe(),
    );
  }

  async call(call: RuntimeCall): Promise<string> {
    const { tool, input, caller, granted } = call;
    return await this.#run(
      call,
      granted.capabilities,
      call,
      async (guest, use) => await guest.call(tool, input, granted.grants, caller, use),
    );
  }

  async #run(
    plugin: RuntimePackage,
    capabilities: ReadonlyMap<string, Capability>,
    { wallTimeMs, signal }: Pick<RuntimeCall, "wallTimeMs" | "signal">,
    ask: (guest: Guest, use: Capabilities) => Promise<unknown>,
  ): Promise<string> {
    if (this.#loader === undefined) throw new PorchlightError("plugin_no_runtime");
    if (signal.aborted) throw new PorchlightError("cancelled");
    const isolate = `${plugin.owner} ${plugin.hash}`;
    const life = this.#lives.get(isolate) ?? 0;
    const ended = new AbortController();
    const use = new Capabilities(
      new Map([...capabilities, ["signal", signalCapability(signal, ended.signal)] as const]),
    );
    try {
      const worker = this.#loader.get(`${isolate} ${life}`, async () => await workerCode(plugin));
      // The shim's own methods: what they return is checked below.
      const guest = worker.getEntrypoint() as unknown as Guest;
      const text = await Promise.race([answerOf(guest, use, ask), patience(wallTimeMs, signal, ended.signal)]);
      if (typeof text !== "string") throw new PorchlightError("plugin_failed", "The plugin returned no JSON.");
      if (text.length > CALL_LIMITS.outputBytes)
        throw new PorchlightError("plugin_failed", "The plugin failed: its result is too large.");
      return text;
    } catch (error) {
      if (!(error instanceof PorchlightError) || error.code !== "plugin_failed") this.#lives.set(isolate, life + 1);
      throw error;
    } finally {
      ended.abort();
      use.end();
    }
  }
}

async function workerCode({ load, hash }: RuntimePackage): Promise<WorkerLoaderWorkerCode> {
  const plugin = await readPackage(await load());
  if (plugin.hash !== hash) throw new Error("The store has another package under this name.");
  const modules = guestModules(plugin).map(({ path, type, content }): [string, WorkerLoaderModule] => {
    if (type === "js") return [path, { js: content }];
    const bytes = content.slice().buffer;
    return [path, type === "wasm" ? { wasm: bytes } : { data: bytes }];
  });
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: COMPATIBILITY_FLAGS,
    mainModule: MAIN_MODULE,
    modules: Object.fromEntries(modules),
    env: {},
    globalOutbound: null,
    limits: LIMITS,
  };
}

/** What a plugin throws is its own failure, told by its words. */
async function answerOf(
  guest: Guest,
  use: Capabilities,
  ask: (guest: Guest, use: Capabilities) => Promise<unknown>,
): Promise<unknown> {
  try {
    return await ask(guest, use);
  } catch (error) {
    const words = String(error instanceof Error ? error.message : error).slice(0, 2_000);
    if (/exceeded (?:CPU|its CPU)|CPU (?:time )?limit/i.test(words)) throw new PorchlightError("plugin_timeout");
    throw new PorchlightError("plugin_failed", `The plugin failed: ${words}`);
  }
}

/** Ends only by a throw: when the time is over, or a while after nobody waits any more. */
async function patience(wallTimeMs: number, signal: AbortSignal, ended: AbortSignal): Promise<never> {
  return await new Promise((_done, fail) => {
    const timers = [setTimeout(() => fail(new PorchlightError("plugin_timeout")), wallTimeMs)];
    const giveUp = (): void => {
      timers.push(setTimeout(() => fail(new PorchlightError("cancelled")), ABORT_GRACE_MS));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    ended.addEventListener(
      "abort",
      () => {
        for (const timer of timers) clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
      },
      { once: true },
    );
  });
}
