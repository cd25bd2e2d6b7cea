import { mkdir } from "node:fs/promises";
import type { Speed, StatusMessage } from "../../shared/protocol/messages.ts";
import { createEngineBackend } from "../engine/backend.ts";
import { probeAccelerators } from "../hardware/accelerators.ts";
import { memoryForModels, probeHardware, toMachine } from "../hardware/probe.ts";
import { tunnelUrlOf } from "../link/addresses.ts";
import { enrol } from "../link/enrol.ts";
import { isPaired, loadIdentity, type PairedIdentity, savePairing } from "../link/identity.ts";
import { createLink, type Link, type LinkState, type StopOptions } from "../link/link.ts";
import { loadLocalKey, startLocalApi } from "./local-api.ts";
import { createPull } from "./pull.ts";
import { type AgentStatus, markAgent, unmarkAgent } from "./agent-status.ts";
import { tryModel } from "./canary.ts";
import { countRequests } from "./count-requests.ts";
import type { AgentOptions } from "./messages.ts";
import { openArchive } from "./archive.ts";
import { McpServers } from "../mcp/mcp-servers.ts";
import { openPlugins } from "./plugins.ts";
import { LiveModels } from "./live-models.ts";
import { readSettings, type RunSettings, type SettingsChange } from "./run-settings.ts";
import { Upkeep } from "./upkeep.ts";
import { watchModels } from "./watch-models.ts";

/** Requests that one model answers at once; more wait. */
const SLOTS = 4;
/** Idle time between trials when nobody chose another: well within the time that an idle model stays loaded. */
const CANARY_EVERY_MS = 2 * 60_000;
/** How long an idle model stays when nobody chose another time: the engine's default. */
const KEEP_ALIVE_MS = 5 * 60_000;

export interface Agent {
  /** Whether this machine holds a pairing. */
  paired: boolean;
  /** Name of the default model. */
  model: string;
  localUrl: string;
  /**
   * Serves an edge from now on: the one at `origin`, after pairing with it if `enrolUrl` is given; without an origin, the one this
   * machine is paired with. Throws PorchlightError when pairing fails.
   */
  dial(origin: string | undefined, enrolUrl?: string): Promise<void>;
  /** Requests of the edge that are being answered. */
  serving(): number;
  stop(options?: StopOptions): Promise<void>;
}

export interface AgentEvents {
  onLink: (state: LinkState) => void;
  /** A model is being made ready: how far it has come, in [0, 1]; 1 is ready. */
  onLoading: (model: string, fraction: number) => void;
  /** The default model was tried, with `canary`; undefined: its answer was too short to time. */
  onTried?: (speed: Speed | undefined) => void;
}

/**
 * Starts what a home machine runs: the engine with its models, the local API, and on `dial` the link to an edge. Models that are pulled,
 * replaced or removed while it runs are taken up without a restart.
 */
export async function startAgent(options: AgentOptions, events: AgentEvents): Promise<Agent> {
  const hardware = probeHardware();
  // There from the beginning, so that the first model put in is noticed at once.
  await mkdir(options.modelsDir, { recursive: true });
  const [accelerators, identity, localKey, settings] = await Promise.all([
    probeAccelerators("quick"),
    loadIdentity(options.identityFile),
    loadLocalKey(options.localKeyFile),
    readSettings(options),
  ]);
  const live = await LiveModels.choose({
    settings,
    modelsDir: options.modelsDir,
    slots: SLOTS,
    memoryBytes: memoryForModels(hardware),
    machine: { ...accelerators, build: `${hardware.os}-${hardware.arch}` },
  });
  const backend = createEngineBackend({
    ...live.engine,
    models: live.models,
    cacheDir: options.compiledDir,
    slots: SLOTS,
    onProgress: events.onLoading,
    onFallback: (model, { wanted: asked, reason }) => {
      process.stderr.write(`Model ${model} runs on the CPU; provider ${asked} cannot be used: ${reason}\n`);
    },
    onCrash: (model, { code, signal, stderr }) => {
      process.stderr.write(`The process of model ${model} ended (${signal ?? `code ${code}`}). ${stderr}\n`);
    },
    onRefused: (model, error) => {
      const reason = error instanceof Error ? error.message : String(error);
      process.stderr.write(`The new version of ${model} cannot be used; the one before goes on. ${reason}\n`);
    },
  });
  const stopping = new AbortController();
  let speed: Speed | undefined;
  let link: Link | undefined;
  const loaded = () => new Set(backend.processes().map(({ model }) => model));
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const local = countRequests(backend, () => upkeep.loadChanged());
  const { canary = false, canaryEveryMs = CANARY_EVERY_MS, keepAliveMs = KEEP_ALIVE_MS } = options;
  const upkeep = await Upkeep.start({
    machineFile: options.machineFile,
    trials: {
      run: async (signal, stayMs) => await tryModel(backend, live.preferred, signal, stayMs),
      isLoaded: () => loaded().has(live.preferred),
      keepAliveMs: keepAliveMs < 0 ? undefined : keepAliveMs,
      everyMs: canary ? Math.max(0, canaryEveryMs) : 0,
    },
    requests: () => ({ tunnel: link?.serving ?? 0, others: local.running() }),
    slots: SLOTS,
    onSpeed: (measured) => {
      speed = measured ?? speed;
    },
    announce: () => link?.announce(),
    log,
  });
  // A model that does not load says so to whoever asks it; the agent and its other models go on.
  const prepare = async (): Promise<void> => {
    await backend.preload(live.preferred);
    events.onLoading(live.preferred, 1);
    if (!canary) return;
    await upkeep.check();
    events.onTried?.(speed);
  };
  const changeSettings = async (change: SettingsChange): Promise<RunSettings> => {
    const before = live.preferred;
    const changed = await live.change(change, backend);
    if (live.preferred !== before) backend.preload(live.preferred).catch((error: Error) => log(error.message));
    return changed;
  };
  prepare().catch((error: Error) => stopping.signal.aborted || log(error.message));
  const localApi = await startLocalApi({
    port: options.localPort,
    key: localKey,
    backend: local.backend,
    pull: createPull(options.modelsDir),
    stats: () => backend.stats(),
    status: async () => await ownStatus(),
    change: async (change) => await upkeep.set(change),
    settings: { now: () => live.settings, change: async (change) => await changeSettings(change) },
  });
  const startedAt = new Date().toISOString();
  const status = (): StatusMessage => ({
    type: "status",
    agentVersion: options.agentVersion,
    machine: toMachine(hardware),
    models: live.models.map(({ folder: _folder, version: _version, kvBytes: _kvBytes, draft: _draft, ...info }) => ({
      ...info,
      loaded: loaded().has(info.name),
    })),
    ...(speed === undefined ? {} : { speed }),
    ...upkeep.status(),
  });

  let current: PairedIdentity | undefined = isPaired(identity) ? identity : undefined;
  let linkStatus: AgentStatus["link"] = { state: "starting", origin: null, reason: "" };
  const onLink = (origin: string | null, state: LinkState): void => {
    linkStatus = { ...state, origin };
    events.onLink(state);
  };
  const ownStatus = async (): Promise<AgentStatus> => {
    const stats = (await backend.stats()).map((one) => one.stats);
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    return {
      pid: process.pid,
      version: options.agentVersion,
      startedAt,
      link: linkStatus,
      models: status().models.map((model) => ({ name: model.name, loaded: model.loaded })),
      speed: speed ?? null,
      load: { running: sum(stats.map(({ running }) => running)), waiting: sum(stats.map(({ waiting }) => waiting)) },
      settings: upkeep.settings,
      health: upkeep.health,
    };
  };
  const archive = await openArchive(options.archiveDir, {
    onKey: () => link?.redial(),
    log,
  });
  const plugins = openPlugins({ folder: options.pluginsDir, marketFile: options.marketFile, log });
  const mcp = options.mcpFile === undefined ? undefined : new McpServers(options.mcpFile);
  if (options.runningFile !== undefined) await markAgent(options.runningFile, localApi.url);
  backend.onChange(() => link?.announce());
  const stopWatching = watchModels({
    folder: options.modelsDir,
    onChange: async () => await live.look(backend),
  });
  return {
    paired: current !== undefined,
    model: live.preferred,
    localUrl: localApi.url,
    dial: async (origin, enrolUrl) => {
      await link?.stop();
      if (enrolUrl !== undefined) {
        const pairing = await enrol({ url: enrolUrl, identity, name: hardware.name });
        current = await savePairing(identity, pairing);
      }
      if (!current) return onLink(null, { state: "refused", reason: "This machine is not paired with an edge yet." });
      const target = origin === undefined ? current.pairing : { origin, tunnelUrl: tunnelUrlOf(origin) };
      await plugins?.follow(target.origin);
      link = createLink({
        origin: target.origin,
        tunnelUrl: target.tunnelUrl,
        identity: current,
        backend,
        archive: archive?.keeper,
        plugins: plugins?.host,
        mcp,
        status,
        onState: (state) => onLink(target.origin, state),
        onControl: (message) => upkeep.control(message),
      });
      link.start();
    },
    serving: () => link?.serving ?? 0,
    stop: async (stop) => {
      stopping.abort();
      upkeep.stop();
      stopWatching();
      if (options.runningFile !== undefined) await unmarkAgent(options.runningFile);
      await Promise.all([link?.stop(stop), localApi.stop()]);
      archive?.stop();
      await Promise.all([plugins?.stop(), mcp?.stop()]);
      await backend.stop();
    },
  };
}
