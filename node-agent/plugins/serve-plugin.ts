import { fromBase64, toBase64 } from "../../shared/base64.ts";
import { concatBytes } from "../../shared/bytes.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { Capability, Granted } from "../../shared/plugin/host/capability.ts";
import { fetchCapability } from "../../shared/plugin/host/fetch-capability.ts";
import { MOST_PACKAGE_BYTES } from "../../shared/plugin/limits.ts";
import type { PluginPackage } from "../../shared/plugin/package.ts";
import {
  type EdgeLine,
  edgeLineSchema,
  encodeLine,
  type MachineLine,
  readLines,
} from "../../shared/plugin/stream-lines.ts";
import { writeOffers } from "../../shared/plugin/tool-list.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import type { PackageCache } from "./package-cache.ts";
import type { PluginSandbox } from "./sandbox.ts";

/** What a machine runs plugins with. */
export interface PluginHost {
  sandbox: PluginSandbox;
  packages: PackageCache;
  /** See node-agent/edge/guarded-fetch.ts. */
  guardedFetch: (request: Request) => Promise<Response>;
}

type Lines = AsyncGenerator<EdgeLine, void, void>;
type CallLine = EdgeLine & { type: "call" };

/** What exists for the edge to answer, by what it granted. */
const USES: Readonly<Record<string, readonly string[]>> = {
  storage: ["storage.get", "storage.set", "storage.delete", "storage.list"],
  secret: ["secret"],
  model: ["model"],
  files: ["files.list", "files.read"],
  hostTool: ["hostTool"],
};

/** Answers one `plugin` stream (PROTOCOL.md). Never rejects. */
export async function servePlugin(stream: ProtocolStream, host: PluginHost | undefined): Promise<void> {
  try {
    await stream.write(encodeLine(await answer(stream, host)));
    stream.end();
  } catch (cause) {
    // The stream was lost meanwhile, or failed on this side: then the peer must still learn that it is over.
    stream.reset(PorchlightError.from(cause).toWire());
  }
}

async function answer(stream: ProtocolStream, host: PluginHost | undefined): Promise<MachineLine> {
  try {
    if (host === undefined) throw new PorchlightError("not_found", "This machine runs no plugins.");
    const lines = readLines(stream.incoming, edgeLineSchema);
    const first = (await lines.next()).value;
    if (first?.type !== "describe" && first?.type !== "call") throw misplaced();
    const plugin = (await host.packages.get(first.hash)) ?? (await fetchPackage(stream, lines, host, first.hash));
    if (first.type === "call")
      return { type: "done", value: JSON.stringify(await call(stream, lines, host, plugin, first)) };
    return { type: "done", value: writeOffers(await host.sandbox.offers(plugin)) };
  } catch (error) {
    return { type: "failed", error: PorchlightError.from(error).toWire() };
  }
}

async function fetchPackage(
  stream: ProtocolStream,
  lines: Lines,
  host: PluginHost,
  hash: string,
): Promise<PluginPackage> {
  await stream.write(encodeLine({ type: "need" }));
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const line = (await lines.next()).value;
    if (line?.type !== "package") throw misplaced();
    const part = fromBase64(line.bytes);
    size += part.length;
    if (size > MOST_PACKAGE_BYTES) throw new PorchlightError("plugin_invalid", "The package is larger than 20 MiB.");
    parts.push(part);
    if (line.isLast) return await host.packages.put(hash, concatBytes(parts));
  }
}

async function call(
  stream: ProtocolStream,
  lines: Lines,
  host: PluginHost,
  plugin: PluginPackage,
  { owner, tool, input, caller, grants, net, wallTimeMs }: CallLine,
): Promise<unknown> {
  const uses = new Uses(stream);
  const capabilities = new Map<string, Capability>();
  for (const name of ["log", "progress", ...grants.flatMap((grant) => USES[grant] ?? [])])
    capabilities.set(name, uses.capability(name));
  if (grants.includes("fetch")) capabilities.set("fetch", fetchCapability(net, host.guardedFetch));
  const granted: Granted = { grants, capabilities };
  // It ends with the stream, and never rejects.
  void uses.take(lines);
  return await host.sandbox.call({
    package: plugin,
    owner,
    tool,
    input: JSON.parse(input),
    caller,
    granted,
    wallTimeMs,
    signal: stream.signal,
  });
}

/** Uses of the edge's capabilities that are under way. */
class Uses {
  readonly #stream: ProtocolStream;
  readonly #waiting = new Map<number, PromiseWithResolvers<Awaited<ReturnType<Capability>>>>();
  #next = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(stream: ProtocolStream) {
    this.#stream = stream;
  }

  capability(name: string): Capability {
    return async (argument, bytes) => {
      const use = this.#next++;
      const waiting = Promise.withResolvers<Awaited<ReturnType<Capability>>>();
      waiting.promise.catch(() => undefined); // it may fail while the line is still being written
      this.#waiting.set(use, waiting);
      const content = bytes.length === 0 ? {} : { bytes: toBase64(bytes) };
      const line = encodeLine({ type: "use", use, capability: name, argument, ...content });
      // One after the other: a line may wait for credit in its midst.
      this.#writing = this.#writing.then(async () => await this.#stream.write(line));
      await this.#writing;
      return await waiting.promise;
    };
  }

  /** Takes the edge's answers until there are no more. */
  async take(lines: Lines): Promise<void> {
    let reason = new PorchlightError("cancelled");
    try {
      for await (const line of lines) {
        if (line.type !== "answer" && line.type !== "refusal") throw misplaced();
        const waiting = this.#waiting.get(line.use);
        this.#waiting.delete(line.use);
        if (line.type === "refusal") waiting?.reject(new Error(line.message));
        else
          waiting?.resolve({
            value: line.value,
            ...(line.bytes === undefined ? {} : { bytes: fromBase64(line.bytes) }),
          });
      }
    } catch (error) {
      reason = PorchlightError.from(error);
    }
    for (const one of this.#waiting.values()) one.reject(reason);
  }
}

function misplaced(): PorchlightError {
  return new PorchlightError("invalid_request", "The lines of a plugin's call come in another order.");
}
