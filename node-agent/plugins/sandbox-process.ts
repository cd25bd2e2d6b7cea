import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setInterval as every } from "node:timers/promises";
import type { Miniflare } from "miniflare";
import { PorchlightError } from "../../shared/errors.ts";
import type { Capability } from "../../shared/plugin/host/capability.ts";
import { ABORT_GRACE_MS } from "../../shared/plugin/host/signal-capability.ts";
import { COMPATIBILITY_DATE } from "../../shared/plugin/guest/modules.ts";

const DISPATCHER = new URL("guest/dispatcher.worker.js", import.meta.url);
/** JavaScript's own heap, of all isolates; buffers and WebAssembly lie outside of it, so that the whole process is watched too. */
const HEAP_MIB = 256;
const MOST_RESIDENT_BYTES = 768 * 1024 * 1024;
const WATCH_EVERY_MS = 50;
const PAGE_BYTES = 4096;

let starting: Promise<void> = Promise.resolve();

/** What the host answers while a call is under way. */
export interface CallHost {
  code: string;
  capabilities: ReadonlyMap<string, Capability>;
}

/**
 * One workerd of its own that runs one call at a time, so that killing it costs that call alone. It listens on loopback for this
 * process, has no network, and its environment holds nothing.
 */
export class SandboxProcess {
  readonly #miniflare: Miniflare;
  readonly #calls: Map<string, CallHost>;
  readonly #child: ChildProcess;

  private constructor(miniflare: Miniflare, calls: Map<string, CallHost>, child: ChildProcess) {
    this.#miniflare = miniflare;
    this.#calls = calls;
    this.#child = child;
  }

  /** One at a time: Miniflare hides its child and its flags' variable is the whole process's. */
  static async start(): Promise<SandboxProcess> {
    const before = starting;
    const { promise, resolve } = Promise.withResolvers<void>();
    starting = promise;
    await before;
    try {
      return await SandboxProcess.#start();
    } finally {
      resolve();
    }
  }

  static async #start(): Promise<SandboxProcess> {
    process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
    const { convertV4MiniflareOptions, Log, LogLevel, Miniflare } = await import("miniflare");
    const calls = new Map<string, CallHost>();
    const started: ChildProcess[] = [];
    const notice = (message: unknown): void => {
      started.push((message as { process: ChildProcess }).process); // as Node documents the channel
    };
    const flags = process.env["MINIFLARE_WORKERD_V8_FLAGS"];
    subscribe("child_process", notice);
    process.env["MINIFLARE_WORKERD_V8_FLAGS"] = `--max-old-space-size=${HEAP_MIB}`;
    const miniflare = new Miniflare({
      ...convertV4MiniflareOptions({
        name: "sandbox",
        modules: [{ type: "ESModule", path: "dispatcher.js", contents: await readFile(DISPATCHER, "utf8") }],
        compatibilityDate: COMPATIBILITY_DATE,
        workerLoaders: { LOADER: {} },
        serviceBindings: { HOST: async (request: Request) => await answer(calls, request) },
        outboundService: () => new Response(null, { status: 403 }),
        host: "127.0.0.1",
        port: 0,
        cf: false,
        log: new Log(LogLevel.NONE),
        // Its types of Request and Response are a library's own.
      } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
      handleStructuredLogs: () => undefined, // what a plugin prints goes nowhere: its log is `context.log`
    });
    try {
      await miniflare.ready;
    } finally {
      unsubscribe("child_process", notice);
      if (flags === undefined) delete process.env["MINIFLARE_WORKERD_V8_FLAGS"];
      else process.env["MINIFLARE_WORKERD_V8_FLAGS"] = flags;
    }
    const child = started.find(({ spawnfile }) => basename(spawnfile).startsWith("workerd"));
    if (child === undefined) throw new Error("The sandbox's process was not seen to start.");
    return new SandboxProcess(miniflare, calls, child);
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The dispatcher's answer. Throws PorchlightError: after it, the process is gone unless the plugin merely threw. */
  async call(
    message: object,
    host: CallHost,
    limits: { wallTimeMs: number; outputBytes: number; signal?: AbortSignal | undefined },
  ): Promise<string> {
    const { wallTimeMs, outputBytes, signal } = limits;
    const token = crypto.randomUUID();
    this.#calls.set(token, host);
    const ended = new AbortController();
    try {
      return await Promise.race([
        this.#send({ ...message, token, outputBytes }),
        this.#watch(wallTimeMs, ended.signal, signal),
      ]);
    } catch (error) {
      if (!(error instanceof PorchlightError) || error.code !== "plugin_failed") await this.stop();
      throw error;
    } finally {
      ended.abort();
      this.#calls.delete(token);
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#miniflare.dispose();
  }

  async #send(message: object): Promise<string> {
    let text: string;
    let isResult: boolean;
    try {
      const init = { method: "POST", body: JSON.stringify(message) };
      const response = await this.#miniflare.dispatchFetch("http://sandbox/", init);
      [text, isResult] = [await response.text(), response.ok];
    } catch (error) {
      throw new PorchlightError("plugin_crashed", undefined, { cause: error });
    }
    if (!isResult) throw new PorchlightError("plugin_failed", `The plugin failed: ${text.slice(0, 2_000)}`);
    return text;
  }

  /** Ends only by a throw: when the time is over, the memory is, the process, or a while after nobody waits any more. */
  async #watch(wallTimeMs: number, ended: AbortSignal, given: AbortSignal | undefined): Promise<never> {
    const until = performance.now() + wallTimeMs;
    let graceMs = ABORT_GRACE_MS;
    for await (const _ of every(WATCH_EVERY_MS, undefined, { signal: ended })) {
      if (performance.now() > until) throw new PorchlightError("plugin_timeout");
      if (given?.aborted === true && (graceMs -= WATCH_EVERY_MS) < 0) throw new PorchlightError("cancelled");
      if (!this.isAlive) throw new PorchlightError("plugin_crashed");
      if ((await residentBytes(this.#child.pid)) > MOST_RESIDENT_BYTES)
        throw new PorchlightError("plugin_crashed", "The plugin took more memory than a call may, and was stopped.");
    }
    throw new PorchlightError("plugin_timeout");
  }
}

/** Memory that a process holds; 0 where the system has no /proc, and the heap's limit is the one there is. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (process.platform !== "linux" || pid === undefined) return 0;
  const text = await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "0 0"); // it has just ended
  return Number(text.split(" ")[1]) * PAGE_BYTES;
}

async function answer(calls: ReadonlyMap<string, CallHost>, request: Request): Promise<Response> {
  const host = calls.get(request.headers.get("token") ?? "");
  if (host === undefined) return refusal("This call has ended.");
  if (new URL(request.url).pathname === "/code") return new Response(host.code);
  const capability = host.capabilities.get(decodeURIComponent(request.headers.get("capability") ?? ""));
  if (capability === undefined) return refusal("This was not granted.");
  try {
    const body = new Uint8Array(await request.arrayBuffer());
    const end = body.indexOf(10);
    const argument: unknown = JSON.parse(new TextDecoder().decode(body.subarray(0, end)));
    const { value, bytes = new Uint8Array() } = await capability(argument, body.slice(end + 1));
    return new Response(new Blob([JSON.stringify(value ?? null), "\n", bytes]));
  } catch (error) {
    return refusal(error instanceof Error ? error.message : "It failed.");
  }
}

function refusal(words: string): Response {
  return new Response(`${JSON.stringify(words)}\n`, { status: 403 });
}
