import { PorchlightError } from "../../shared/errors.ts";
import type { Revoked } from "../../shared/market/revocations.ts";
import type { PluginCaller } from "../../shared/plugin/context.ts";
import { CALL_LIMITS } from "../../shared/plugin/limits.ts";
import type { PluginPackage } from "../../shared/plugin/package.ts";
import { readResult } from "../../shared/plugin/host/result.ts";
import { signalCapability } from "../../shared/plugin/host/signal-capability.ts";
import { calledPart } from "../../shared/plugin/parts.ts";
import { mismatch, parseOffers, type PluginOffers, type ToolDescription } from "../../shared/plugin/tool-list.ts";
import type { Capability, Granted } from "../../shared/plugin/host/capability.ts";
import { guestCode } from "./guest-code.ts";
import { SandboxProcess } from "./sandbox-process.ts";

/** A tool's call as the host makes it. */
export interface PluginCall {
  package: PluginPackage;
  /** Whose isolate it runs in: what one person's calls leave behind, no other's find. */
  owner?: string;
  tool: string;
  input: unknown;
  caller: PluginCaller;
  granted: Granted;
  wallTimeMs?: number;
  /** Uses of its capabilities, all together. */
  capabilityCalls?: number;
  /** Nobody waits any more: the plugin is told, and stopped if it does not end by itself. */
  signal?: AbortSignal;
}

/** Throws `plugin_revoked` for a package that was taken back. */
type Revocations = Pick<Revoked, "check">;

/** Processes that are kept: each runs one call at a time, others wait their turn. */
const PROCESSES = 2;

/** Runs the tools of plugins, each call with what it was granted, in processes that may be killed at any moment. */
export class PluginSandbox {
  readonly #idle: SandboxProcess[] = [];
  readonly #all = new Set<SandboxProcess>();
  readonly #waiting: (() => void)[] = [];
  readonly #descriptions = new Map<string, PluginOffers>();
  readonly #code = new Map<string, string>();
  #running = 0;
  readonly #processes: number;
  readonly #revoked: Revocations | undefined;

  /** `revoked`: says which packages run no more, see node-agent/market/follower.ts. */
  constructor({ processes = PROCESSES, revoked }: { processes?: number; revoked?: Revocations } = {}) {
    [this.#processes, this.#revoked] = [processes, revoked];
  }

  /** Its tools, as its own code says them in the sandbox. Throws PorchlightError `plugin_invalid` or as `call` does. */
  async describe(plugin: PluginPackage): Promise<ToolDescription[]> {
    return (await this.offers(plugin)).tools;
  }

  /** Its tools and all that it has beside them. Throws as `describe` does. */
  async offers(plugin: PluginPackage): Promise<PluginOffers> {
    this.#revoked?.check(plugin.hash);
    const known = this.#descriptions.get(plugin.hash);
    if (known !== undefined) return known;
    const text = await this.#run(plugin, { operation: "describe" }, new Map(), CALL_LIMITS.wallTimeMs);
    const offers = parseOffers(text);
    this.#descriptions.set(plugin.hash, offers);
    return offers;
  }

  /**
   * The tool's result. Throws PorchlightError `plugin_input_invalid`, `plugin_failed` (it threw), `plugin_timeout` or
   * `plugin_crashed`; the next call works after each. `plugin_revoked` for what the market took back.
   */
  async call(call: PluginCall): Promise<unknown> {
    const {
      package: plugin,
      owner = "",
      granted,
      caller,
      wallTimeMs = CALL_LIMITS.wallTimeMs,
      capabilityCalls = CALL_LIMITS.capabilityCalls,
      signal,
    } = call;
    const tool = requireTool(await this.offers(plugin), call.tool);
    const wrong = tool.input === undefined ? undefined : mismatch(tool.input, call.input);
    if (wrong !== undefined) throw new PorchlightError("plugin_input_invalid", `The tool does not take this: ${wrong}`);
    const input = JSON.stringify(call.input);
    if (input.length > CALL_LIMITS.inputBytes)
      throw new PorchlightError("plugin_input_invalid", "The input is too large.");
    const message = { operation: "call", owner, tool: tool.name, input, grants: granted.grants, caller };
    const ended = new AbortController();
    const uses = counted(granted.capabilities, capabilityCalls);
    uses.set("signal", signalCapability(signal, ended.signal));
    const text = await this.#run(plugin, message, uses, wallTimeMs, signal).finally(() => ended.abort());
    return readResult(text, tool.output);
  }

  /** Ends the processes, and with them what is under way. */
  async stop(): Promise<void> {
    this.#idle.length = 0;
    await Promise.all([...this.#all].map(async (one) => await one.stop()));
  }

  async #run(
    plugin: PluginPackage,
    message: { operation: string; owner?: string },
    capabilities: ReadonlyMap<string, Capability>,
    wallTimeMs: number,
    signal?: AbortSignal,
  ): Promise<string> {
    if (this.#running >= this.#processes) await new Promise<void>((free) => this.#waiting.push(free));
    this.#running++;
    let one: SandboxProcess | undefined;
    try {
      if (signal?.aborted === true) throw new PorchlightError("cancelled");
      one = this.#idle.pop();
      if (one?.isAlive !== true) {
        one = await SandboxProcess.start();
        this.#all.add(one);
      }
      const host = { code: this.#codeOf(plugin), capabilities };
      const limits = { wallTimeMs, outputBytes: CALL_LIMITS.outputBytes, signal };
      return await one.call({ ...message, isolate: `${plugin.hash} ${message.owner ?? ""}` }, host, limits);
    } finally {
      if (one?.isAlive === true) this.#idle.push(one);
      else if (one !== undefined) this.#all.delete(one);
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  #codeOf(plugin: PluginPackage): string {
    const code = this.#code.get(plugin.hash) ?? guestCode(plugin);
    this.#code.clear(); // the last one alone: an isolate that lives does not ask again
    this.#code.set(plugin.hash, code);
    return code;
  }
}

/** A tool of these, or a part: its input is the host's own. Throws PorchlightError `plugin_input_invalid`. */
function requireTool(
  { tools, parts }: PluginOffers,
  name: string,
): { name: string } & Partial<Pick<ToolDescription, "input" | "output">> {
  const part = calledPart(name);
  if (parts.some((one) => one.part === part)) return { name };
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw new PorchlightError("plugin_input_invalid", `The plugin has no tool '${name}'.`);
}

/** The same, until the call has used them as often as a call may. */
function counted(capabilities: ReadonlyMap<string, Capability>, most: number): Map<string, Capability> {
  let uses = 0;
  return new Map(
    [...capabilities].map(([name, use]): [string, Capability] => [
      name,
      async (argument, bytes) => {
        if (++uses > most) throw new RangeError("This call has used its capabilities too often.");
        return await use(argument, bytes);
      },
    ]),
  );
}
