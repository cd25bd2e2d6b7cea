import { fromBase64, toBase64 } from "../../../../shared/base64.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { Capability, Grant } from "../../../../shared/plugin/host/capability.ts";
import { CALL_LIMITS } from "../../../../shared/plugin/limits.ts";
import {
  type EdgeLine,
  encodeLine,
  type MachineLine,
  machineLineSchema,
  PACKAGE_PART_BYTES,
  readLines,
} from "../../../../shared/plugin/stream-lines.ts";
import type { StreamHeader } from "../../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../../shared/protocol/types.ts";
import type { PluginRuntime, RuntimeCall, RuntimePackage } from "./runtime.ts";

/** Of a tunnel, what its plugins are reached by. */
export interface PluginTunnel {
  readonly agentId: string;
  /** Whether the machine runs plugins. */
  readonly plugins: boolean;
  readonly leaving: boolean;
}

export interface HomeRuntimeOptions<Tunnel extends PluginTunnel> {
  /** The open tunnels. */
  tunnels: () => readonly Tunnel[];
  openStream: (tunnel: Tunnel, header: StreamHeader) => ProtocolStream;
}

/** The first call of a package brings it to the machine and starts a process there. */
const EXTRA_MS = 60_000;
const NONE: ReadonlyMap<string, Capability> = new Map();

/** The household's machines, through their tunnels: a stream of kind `plugin` for each call, on the machine that has fewest under way. */
export class HomeRuntime<Tunnel extends PluginTunnel> implements PluginRuntime {
  readonly place = "home";
  /** The machine fetches by itself: see `net`. */
  readonly ports = {};
  readonly #options: HomeRuntimeOptions<Tunnel>;
  readonly #underWay = new Map<string, number>();

  constructor(options: HomeRuntimeOptions<Tunnel>) {
    this.#options = options;
  }

  isThere(): boolean {
    return this.#there().length > 0;
  }

  async describe(plugin: RuntimePackage, signal: AbortSignal): Promise<string> {
    const first: EdgeLine = { type: "describe", hash: plugin.hash, owner: plugin.owner };
    return await this.#run(plugin, first, NONE, CALL_LIMITS.wallTimeMs, signal);
  }

  async call(call: RuntimeCall): Promise<string> {
    const { hash, owner, tool, input, caller, granted, net, wallTimeMs, signal } = call;
    // `fetch` is the machine's own.
    const grants: Grant[] = net.length > 0 ? [...granted.grants, "fetch"] : [...granted.grants];
    const first: EdgeLine = { type: "call", hash, owner, tool, input, caller, grants, net: [...net], wallTimeMs };
    return await this.#run(call, first, granted.capabilities, wallTimeMs, signal);
  }

  #there(): Tunnel[] {
    return this.#options.tunnels().filter(({ plugins, leaving }) => plugins && !leaving);
  }

  async #run(
    plugin: RuntimePackage,
    first: EdgeLine,
    capabilities: ReadonlyMap<string, Capability>,
    wallTimeMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    if (signal.aborted) throw new PorchlightError("cancelled");
    const load = ({ agentId }: Tunnel): number => this.#underWay.get(agentId) ?? 0;
    const [tunnel] = this.#there().toSorted((one, other) => load(one) - load(other));
    if (tunnel === undefined) throw new PorchlightError("plugin_no_runtime");
    const stream = this.#options.openStream(tunnel, { kind: "plugin", requestId: `plugin-${crypto.randomUUID()}` });
    this.#underWay.set(tunnel.agentId, load(tunnel) + 1);
    const giveUp = (): void => stream.reset(new PorchlightError("cancelled").toWire());
    const tooLong = (): void => stream.reset(new PorchlightError("plugin_timeout").toWire());
    // The machine counts the call's own time; this is for one that says nothing any more.
    const timeout = setTimeout(tooLong, wallTimeMs + EXTRA_MS);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await converse(stream, plugin, first, capabilities);
    } catch (error) {
      if (signal.aborted) throw new PorchlightError("cancelled", undefined, { cause: error });
      throw error;
    } finally {
      clearTimeout(timeout);
      signal.removeEventListener("abort", giveUp);
      stream.end();
      this.#underWay.set(tunnel.agentId, Math.max(0, load(tunnel) - 1));
    }
  }
}

/** Answers the machine's lines until its last. */
async function converse(
  stream: ProtocolStream,
  plugin: RuntimePackage,
  first: EdgeLine,
  capabilities: ReadonlyMap<string, Capability>,
): Promise<string> {
  // A write fails when the stream is lost: then its reader has the error.
  let writing = stream.write(encodeLine(first)).catch(() => undefined);
  const write = (line: EdgeLine): void => {
    writing = writing.then(async () => await stream.write(encodeLine(line)).catch(() => undefined));
  };
  let uses = 0;
  for await (const line of readLines(stream.incoming, machineLineSchema)) {
    if (line.type === "done") return line.value;
    if (line.type === "failed") throw PorchlightError.fromWire(line.error);
    if (line.type === "need") await sendPackage(plugin, async (part) => await stream.write(encodeLine(part)));
    else if (++uses > CALL_LIMITS.capabilityCalls)
      write({ type: "refusal", use: line.use, message: "This call has used its capabilities too often." });
    else void answer(line, capabilities).then(write);
  }
  throw new PorchlightError("agent_disconnected");
}

async function sendPackage({ load }: RuntimePackage, write: (line: EdgeLine) => Promise<void>): Promise<void> {
  const bytes = await load();
  for (let from = 0; from < bytes.length; from += PACKAGE_PART_BYTES) {
    const isLast = from + PACKAGE_PART_BYTES >= bytes.length;
    await write({ type: "package", bytes: toBase64(bytes.subarray(from, from + PACKAGE_PART_BYTES)), isLast });
  }
}

/** Never rejects. */
async function answer(
  { use, capability, argument, bytes }: MachineLine & { type: "use" },
  capabilities: ReadonlyMap<string, Capability>,
): Promise<EdgeLine> {
  try {
    const granted = capabilities.get(capability);
    if (granted === undefined) throw new PorchlightError("plugin_not_granted");
    const { value, bytes: content } = await granted(
      argument,
      bytes === undefined ? new Uint8Array() : fromBase64(bytes),
    );
    // JSON has no undefined: a secret that nobody set is null.
    return {
      type: "answer",
      use,
      value: value ?? null,
      ...(content === undefined ? {} : { bytes: toBase64(content) }),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : "It failed.";
    return { type: "refusal", use, message: message.slice(0, 2_000) };
  }
}
