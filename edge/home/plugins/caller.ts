import { PorchlightError } from "../../../shared/errors.ts";
import { grant, type HostPorts } from "../../../shared/plugin/host/grants.ts";
import { readResult } from "../../../shared/plugin/host/result.ts";
import { CALL_LIMITS } from "../../../shared/plugin/limits.ts";
import { calledPart } from "../../../shared/plugin/parts.ts";
import { mismatch } from "../../../shared/plugin/tool-list.ts";
import { NO_LIMITS } from "../../credentials/key-grant.ts";
import type { CallTable } from "./call-table.ts";
import type { Installed } from "./installed.ts";
import { PLUGIN_LIMITS } from "./limits.ts";
import { isPartGranted } from "./part-calls.ts";
import type { AskModel } from "./model-port.ts";
import type { PackageStore } from "./package-store.ts";
import { type KeptFiles, pickedFiles } from "./picked-files.ts";
import type { PluginRuntime } from "./runtime/runtime.ts";
import { chooseRuntime } from "./runtimes.ts";
import type { Secrets } from "./secrets.ts";
import type { Payer, ToolBoxCall, ToolOutcome } from "./tool-box.ts";
import { Trace } from "./trace.ts";
import type { ValueTable } from "./value-table.ts";

export interface PluginCallerOptions {
  calls: CallTable;
  values: ValueTable;
  secrets: Secrets;
  packages: PackageStore;
  runtimes: readonly PluginRuntime[];
  askModel: AskModel;
  files: KeptFiles;
  /** Throws PorchlightError `plugin_revoked`. */
  requireNotRevoked: (hash: string) => Promise<void>;
  /** Throws PorchlightError `plugin_not_bought`, `subscription_over`. */
  requireEntitled: (userId: string, manifest: Installed["manifest"]) => Promise<void>;
  /** What its person grants this package now: the installed one, or the one before it, which calls under way end on. */
  installed: (userId: string, name: string, hash: string) => Installed | undefined;
  now: () => number;
}

/** `wallTimeMs`: absent, as long as a tool may take. */
type Asked = Omit<ToolBoxCall, "tool"> & { wallTimeMs?: number };

/** Calls tools of installed plugins: each with what its person grants at that moment, each written down. */
export class PluginCallMaker {
  readonly #options: PluginCallerOptions;
  readonly #underWay = new Map<string, number>();

  constructor(options: PluginCallerOptions) {
    this.#options = options;
  }

  /** Never throws for what a plugin does. */
  async call(asked: Asked, { name, hash, version }: Installed, tool: string): Promise<ToolOutcome> {
    const { calls, now } = this.#options;
    const { id, userId, place } = asked;
    const input = JSON.stringify(asked.input) ?? "null";
    const startedAtMs = now();
    const turn = { sessionId: place?.sessionId ?? null, turn: place?.index ?? null };
    const record = { id, plugin: name, version, hash, tool, place: null, ...turn, startedAtMs, input };
    if (!calls.begin(userId, record))
      return failure(new PorchlightError("invalid_request", "This call was made already."));
    const trace = new Trace();
    let result: string | null = null;
    let outcome: ToolOutcome;
    try {
      result = await this.#counted(userId, async () => await this.#run(asked, { name, tool, hash }, input, trace));
      outcome = { ok: true, value: JSON.parse(result) };
    } catch (error) {
      if (!(error instanceof PorchlightError)) console.error(`plugins: ${name} could not be called:`, error);
      outcome = failure(PorchlightError.from(error));
    }
    const ms = now() - startedAtMs;
    const error = outcome.ok ? null : { ...outcome.error, message: trace.redacted(outcome.error.message) };
    const logs = trace.logs.map((line) => trace.redacted(line));
    calls.end(userId, id, { result: result === null ? null : trace.redacted(result), error, ms, logs });
    return outcome;
  }

  async #counted<T>(userId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#underWay.get(userId) ?? 0;
    if (before >= PLUGIN_LIMITS.underWay)
      throw new PorchlightError("overloaded", "As many plugins work for you already as may. Try again in a moment.");
    this.#underWay.set(userId, before + 1);
    try {
      return await work();
    } finally {
      const left = (this.#underWay.get(userId) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(userId);
      else this.#underWay.set(userId, left);
    }
  }

  async #run(
    asked: Asked,
    of: { name: string; tool: string; hash: string },
    input: string,
    trace: Trace,
  ): Promise<string> {
    const { calls, packages, runtimes, requireNotRevoked, requireEntitled, installed } = this.#options;
    const { userId, caller, signal } = asked;
    await requireNotRevoked(of.hash);
    const plugin = installed(userId, of.name, of.hash);
    if (plugin === undefined || !plugin.enabled)
      throw new PorchlightError(
        "not_found",
        "This plugin is not installed and switched on, or has just become another.",
      );
    await requireEntitled(userId, plugin.manifest);
    const tool = requireCallable(plugin, of.tool);
    const wrong = tool.input === undefined ? undefined : mismatch(tool.input, asked.input);
    if (wrong !== undefined) throw new PorchlightError("plugin_input_invalid", `The tool does not take this: ${wrong}`);
    if (input.length > CALL_LIMITS.inputBytes)
      throw new PorchlightError("plugin_input_invalid", "The input is too large.");
    const runtime = chooseRuntime(runtimes, plugin.manifest.runsOn);
    calls.runsAt(userId, asked.id, runtime.place);
    const { permissions, hash } = plugin;
    const wallTimeMs = asked.wallTimeMs ?? (permissions.model ? PLUGIN_LIMITS.modelWallTimeMs : CALL_LIMITS.wallTimeMs);
    const granted = grant(permissions, { ...this.#ports(asked, plugin, trace), ...runtime.ports });
    const load = async (): Promise<Uint8Array> => await packages.bytes(hash);
    const text = await runtime.call({
      hash,
      load,
      owner: userId,
      tool: tool.name,
      input,
      caller,
      granted,
      net: permissions.net,
      wallTimeMs,
      signal,
    });
    readResult(text, tool.output);
    return text;
  }

  #ports(
    { userId, files, payer, signal, onProgress }: Asked,
    { name, hash, permissions }: Installed,
    trace: Trace,
  ): HostPorts {
    const { values, secrets, askModel, installed } = this.#options;
    const still = (): Installed["permissions"] => {
      const now = installed(userId, name, hash);
      if (now?.enabled !== true)
        throw new PorchlightError("plugin_not_granted", "The plugin was switched off or removed.");
      return now.permissions;
    };
    const whoPays: Payer = payer ?? {
      caller: { id: userId, version: 0, limits: NO_LIMITS },
      models: null,
      priority: "normal",
    };
    const picked = pickedFiles(this.#options.files, whoPays.caller.id, files);
    const kept = values.of(userId, name);
    return {
      storage: {
        get: async (key) => await allowed(still().storageBytes > 0, async () => await kept.get(key)),
        set: async (key, value) => {
          // What the person grants now: a narrower grant holds for what runs already.
          const quotaBytes = Math.min(permissions.storageBytes, still().storageBytes);
          await allowed(quotaBytes > 0, async () => await kept.set(key, value, quotaBytes));
        },
        delete: async (key) => await allowed(still().storageBytes > 0, async () => await kept.delete(key)),
        list: async (prefix) => await allowed(still().storageBytes > 0, async () => await kept.list(prefix)),
      },
      secret: async (secret) =>
        await allowed(still().secrets.includes(secret), async () =>
          trace.gave(await secrets.get(userId, name, secret)),
        ),
      model: async (question) => await allowed(still().model, async () => await askModel(question, whoPays, signal)),
      ...(picked === undefined ? {} : { files: picked }),
      onLog: (line) => void trace.logs.push(line),
      ...(onProgress === undefined ? {} : { onProgress }),
    };
  }
}

/** One of its tools, or a part that the host calls. Throws PorchlightError `plugin_input_invalid`, `plugin_not_granted`. */
function requireCallable(
  { tools, parts, permissions }: Installed,
  name: string,
): { name: string } & Partial<Pick<Installed["tools"][number], "input" | "output">> {
  const part = calledPart(name);
  if (part !== undefined && parts.some((one) => one.part === part)) {
    if (isPartGranted(part, permissions)) return { name };
    throw new PorchlightError("plugin_not_granted");
  }
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  throw new PorchlightError("plugin_input_invalid", `The plugin has no tool '${name}'.`);
}

async function allowed<T>(is: boolean, use: () => Promise<T>): Promise<T> {
  if (!is) throw new PorchlightError("plugin_not_granted", "This was withdrawn.");
  return await use();
}

function failure({ code, message }: PorchlightError): ToolOutcome {
  return { ok: false, error: { code, message } };
}
