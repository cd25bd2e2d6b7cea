import { PorchlightError } from "../../../shared/errors.ts";
import type { PluginCaller } from "../../../shared/plugin/context.ts";
import { CALL_LIMITS } from "../../../shared/plugin/limits.ts";
import type { Permissions } from "../../../shared/plugin/manifest.ts";
import { type CalledPart, calledPart, partCall } from "../../../shared/plugin/parts.ts";
import type { PluginPackage } from "../../../shared/plugin/package.ts";
import { parseOffers, type PluginOffers } from "../../../shared/plugin/tool-list.ts";
import { type Made, made, madeLater } from "../made.ts";
import { requireSchedule } from "./clock/clock.ts";
import { type CallFilter, type CallRecord, CallTable, type WholeCallRecord } from "./call-table.ts";
import { PluginCallMaker, type PluginCallerOptions } from "./caller.ts";
import { InstallTable } from "./install-table.ts";
import type { Installed } from "./installed.ts";
import { PLUGIN_LIMITS } from "./limits.ts";
import type { PackageHolds } from "./package-holds.ts";
import type { PackageStore } from "./package-store.ts";
import { isPartGranted, sends, taints } from "./part-calls.ts";
import { requireWithin } from "./permissions.ts";
import type { PluginRuntime } from "./runtime/runtime.ts";
import { chooseRuntime } from "./runtimes.ts";
import { Secrets } from "./secrets.ts";
import type { OfferedTool, Payer, ToolBox, ToolBoxCall, ToolOutcome } from "./tool-box.ts";
import { namedTools } from "./tool-names.ts";
import type { MarketPort } from "./updates/market-port.ts";
import { PluginUpdates } from "./updates/updates.ts";
import { ValueTable } from "./value-table.ts";

/** What the Worker may ask of the desk: see `pluginsOf`. */
export const PLUGIN_METHODS = [
  "inspect",
  "install",
  "list",
  "get",
  "change",
  "setCaller",
  "remove",
  "setSecret",
  "removeSecret",
  "callTool",
  "calls",
  "callRecord",
] as const;
export type PluginMethod = (typeof PLUGIN_METHODS)[number];

export interface PluginDeskOptions
  extends Pick<PluginCallerOptions, "askModel" | "files" | "requireNotRevoked" | "requireEntitled"> {
  sql: SqlStorage;
  transaction: (step: () => void) => void;
  packages: PackageStore;
  runtimes: readonly PluginRuntime[];
  market: MarketPort;
  holds: Pick<PackageHolds, "hold" | "sync">;
  /** The edge's key that secrets are sealed with. */
  secretsKey: () => Promise<string>;
  now?: () => number;
}

/** A plugin as its person sees it. */
export interface InstalledView extends Installed {
  /** Names of the secrets that were entered. */
  secretsSet: string[];
  /** What its stored values take. */
  storedBytes: number;
  /** When it runs next by itself; null: it does not. */
  nextRunAtMs: number | null;
}

/** What is in a package, before anybody agrees to it. */
export interface Inspected extends PluginOffers {
  /** What is installed of this name. */
  installed: Pick<Installed, "version" | "hash" | "permissions" | "signer"> | null;
}

export interface DirectCall {
  id: string;
  tool: string;
  input: unknown;
  caller: PluginCaller;
  files?: string[];
  payer?: Payer;
}

/** A call of a part: see ToolBoxCall. */
export interface PartCall extends Pick<ToolBoxCall, "id" | "input" | "caller" | "payer" | "place" | "signal"> {
  wallTimeMs?: number;
}

/** What stands on people's installed plugins: addresses that lead to them, times at which they run. */
export interface PluginFollower {
  /** Something was installed, granted, switched or removed. */
  changed(userId: string): void;
  removing(userId: string, name: string): void;
  /** A person's time zone and language. Throws PorchlightError `invalid_request`. */
  setCaller(userId: string, caller: PluginCaller): void;
  nextRunMs(userId: string, name: string): number | undefined;
}

/** The plugins of a household's people: what each has installed and granted, their values and secrets, their calls. Nobody sees another's. */
export class PluginDesk implements ToolBox {
  /** What stands on installed plugins; set once that is there. */
  follower: PluginFollower | undefined;
  readonly updates: PluginUpdates;
  readonly #options: PluginDeskOptions;
  readonly #now: () => number;
  readonly #installs: InstallTable;
  readonly #values: ValueTable;
  readonly #secrets: Secrets;
  readonly #calls: CallTable;
  readonly #maker: PluginCallMaker;

  constructor(options: PluginDeskOptions) {
    const { sql, transaction, secretsKey, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    this.#installs = new InstallTable(sql, (userId) => {
      this.updates.sync(userId);
      this.#syncHolds();
      this.follower?.changed(userId);
    });
    this.#values = new ValueTable(sql, transaction);
    this.#secrets = new Secrets(sql, secretsKey);
    this.#calls = new CallTable(sql);
    this.#maker = new PluginCallMaker({
      ...options,
      calls: this.#calls,
      values: this.#values,
      secrets: this.#secrets,
      installed: (userId, name, hash) => this.#standing(userId, name, hash),
      now,
    });
    this.updates = new PluginUpdates({
      ...options,
      installs: this.#installs,
      read: async (hash) => await this.#package(hash),
      describe: async (userId, plugin) => await this.#describe(userId, plugin),
      hold: async (hash) => await this.#hold(hash),
      syncHolds: () => this.#syncHolds(),
      now,
    });
  }

  /** A stored package's tools, by its own code in the sandbox. Refused as `not_found`, `plugin_invalid`, `plugin_revoked`, and as calls are. */
  async inspect(userId: string, hash: string): Promise<Made<Inspected>> {
    return await madeLater(async () => {
      const plugin = await this.#package(hash);
      const offers = await this.#describe(userId, plugin);
      const known = this.#installs.find(userId, plugin.manifest.name);
      const installed = known && {
        version: known.version,
        hash: known.hash,
        permissions: known.permissions,
        signer: known.signer,
      };
      return { ...offers, installed: installed ?? null };
    });
  }

  /**
   * Installs exactly this package with exactly these permissions, or changes the installed one of that name for it. Refused as
   * `inspect` is, as `invalid_request` (more granted than asked for), `plugin_not_bought`, `subscription_over`, `plugins_full` and
   * `plugin_signer_changed`.
   */
  async install(
    userId: string,
    hash: string,
    permissions: Permissions,
    newSigner: boolean,
  ): Promise<Made<InstalledView>> {
    return await madeLater(async () => {
      const plugin = await this.#package(hash);
      requireWithin(permissions, plugin.manifest.permissions);
      await this.#options.requireEntitled(userId, plugin.manifest);
      const offers = await this.#describe(userId, plugin);
      await this.#hold(hash);
      const { name, version } = plugin.manifest;
      const { files: _files, ...manifest } = plugin.manifest;
      const known = this.#installs.find(userId, name);
      const signer = plugin.signature?.publicKey ?? null;
      if (known !== undefined && known.signer !== signer && !newSigner)
        throw new PorchlightError("plugin_signer_changed");
      if (known === undefined && this.#installs.of(userId).length >= PLUGIN_LIMITS.installed)
        throw new PorchlightError("plugins_full");
      const nowMs = this.#now();
      const installedAtMs = known?.installedAtMs ?? nowMs;
      const one = {
        name,
        version,
        hash,
        manifest,
        ...offers,
        permissions,
        enabled: true,
        signer,
        installedAtMs,
        updatedAtMs: nowMs,
      };
      this.#installs.put(userId, one);
      this.#installs.kept.granted(userId, name, manifest.permissions, permissions);
      return this.#view(userId, one);
    });
  }

  /** By name. */
  list(userId: string): InstalledView[] {
    return this.#installs.of(userId).map((one) => this.#view(userId, one));
  }

  get(userId: string, name: string): InstalledView | undefined {
    const found = this.#installs.find(userId, name);
    return found && this.#view(userId, found);
  }

  /** Grants more or less, switches on or off. What runs already has it from now on. Refused as `not_found`, `invalid_request`. */
  change(userId: string, name: string, to: { permissions?: Permissions; enabled?: boolean }): Made<InstalledView> {
    return made(() => {
      const found = this.#required(userId, name);
      if (to.permissions !== undefined) {
        const asks = found.manifest.permissions;
        this.#installs.kept.granted(userId, name, asks, requireWithin(to.permissions, asks));
      }
      return this.#view(userId, this.#installs.change(userId, found, to, this.#now()));
    });
  }

  /** Where a person is, for what runs by itself. Refused as `invalid_request`. */
  setCaller(userId: string, caller: PluginCaller): Made<null> {
    return made(() => {
      this.follower?.setCaller(userId, caller);
      return null;
    });
  }

  /** Removes it with its values and secrets. What it did stays in the record. */
  remove(userId: string, name: string): boolean {
    this.follower?.removing(userId, name);
    this.#values.remove(userId, name);
    this.#secrets.removeAll(userId, name);
    return this.#installs.remove(userId, name);
  }

  /** Refused as `not_found`, and `invalid_request` for one that the plugin does not name. */
  async setSecret(userId: string, name: string, secret: string, value: string): Promise<Made<null>> {
    return await madeLater(async () => {
      if (!this.#required(userId, name).manifest.permissions.secrets.includes(secret))
        throw new PorchlightError("invalid_request", `The plugin asks for no secret '${secret}'.`);
      await this.#secrets.put(userId, name, secret, value);
      // It may have been removed while it was sealed.
      if (this.#installs.find(userId, name) === undefined) this.#secrets.removeAll(userId, name);
      return null;
    });
  }

  removeSecret(userId: string, name: string, secret: string): boolean {
    return this.#secrets.remove(userId, name, secret);
  }

  /** A tool called by its person. Refused as `not_found`; what the call came to is no refusal. */
  async callTool(userId: string, name: string, { tool, ...call }: DirectCall): Promise<Made<ToolOutcome>> {
    return await madeLater(async () => {
      const found = this.#required(userId, name);
      if (!found.enabled) throw new PorchlightError("not_found", "This plugin is switched off. Switch it on first.");
      // What the host calls by itself is nobody else's to call.
      if (calledPart(tool) !== undefined) return { ok: false, error: noTool(tool) };
      return await this.#maker.call({ ...call, userId, signal: new AbortController().signal }, found, tool);
    });
  }

  offered(userId: string): OfferedTool[] {
    return this.#named(userId).map(({ name, installed, tool }) => {
      const { manifest, version, hash } = installed;
      return {
        name,
        title: manifest.title,
        description: tool.description,
        input: tool.input,
        effect: tool.effect,
        taints: taints(installed),
        sends: sends(installed),
        source: { kind: "plugin", name: installed.name, version, hash, tool: tool.name },
      };
    });
  }

  async call(call: ToolBoxCall): Promise<ToolOutcome> {
    const found = this.#named(call.userId).find(({ name }) => name === call.tool);
    if (found !== undefined) return await this.#maker.call(call, found.installed, found.tool.name);
    return { ok: false, error: { code: "not_found", message: `There is no tool '${call.tool}'.` } };
  }

  /** A part of a plugin that is switched on. Never throws for what a plugin does. Writes the call's record. */
  async callPart(userId: string, name: string, part: CalledPart, call: PartCall): Promise<ToolOutcome> {
    const found = this.#installs.find(userId, name);
    if (found?.enabled === true) return await this.#maker.call({ ...call, userId }, found, partCall(part));
    return { ok: false, error: { code: "not_found", message: "This plugin is not installed and switched on." } };
  }

  /** Those that are switched on, have this part, and were granted what it needs. */
  withPart(userId: string, part: CalledPart): Installed[] {
    return this.#installs
      .of(userId)
      .filter(
        (one) => one.enabled && one.parts.some((has) => has.part === part) && isPartGranted(part, one.permissions),
      );
  }

  /** The latest first. */
  calls(userId: string, filter: CallFilter): CallRecord[] {
    return this.#calls.list(userId, filter);
  }

  callRecord(userId: string, id: string): WholeCallRecord | undefined {
    return this.#calls.find(userId, id);
  }

  /** A person left. */
  personGone(userId: string): void {
    for (const table of [this.#installs, this.#values, this.#secrets, this.#calls]) table.removeOf(userId);
  }

  #named(userId: string) {
    return namedTools(this.#installs.of(userId).filter(({ enabled }) => enabled));
  }

  #required(userId: string, name: string): Installed {
    const found = this.#installs.find(userId, name);
    if (found === undefined) throw new PorchlightError("not_found", "You have no plugin of this name.");
    return found;
  }

  /** What is installed; of a call that began on the version before, that one, as long as something of its name is there. */
  #standing(userId: string, name: string, hash: string): Installed | undefined {
    const now = this.#installs.find(userId, name);
    if (now === undefined || now.hash === hash) return now;
    const kept = this.#installs.kept.find(userId, name, hash);
    return kept && { ...kept, enabled: now.enabled };
  }

  #view(userId: string, one: Installed): InstalledView {
    const { name } = one;
    return {
      ...one,
      secretsSet: this.#secrets.names(userId, name),
      storedBytes: this.#values.size(userId, name).bytes,
      nextRunAtMs: this.follower?.nextRunMs(userId, name) ?? null,
    };
  }

  async #package(hash: string): Promise<PluginPackage> {
    await this.#options.requireNotRevoked(hash);
    return await this.#options.packages.read(hash);
  }

  /** From now on nobody deletes it. Throws PorchlightError `not_found` where it is too late for that. */
  async #hold(hash: string): Promise<void> {
    await this.#options.holds.hold(hash);
    await this.#options.packages.require(hash);
  }

  #syncHolds(): void {
    this.#options.holds.sync(() => this.updates.heldHashes());
  }

  async #describe(owner: string, { hash, manifest }: PluginPackage): Promise<PluginOffers> {
    const { packages, runtimes } = this.#options;
    const known = this.#installs.of(owner).find((one) => one.hash === hash);
    if (known !== undefined) return { tools: known.tools, parts: known.parts };
    const runtime = chooseRuntime(runtimes, manifest.runsOn);
    const load = async (): Promise<Uint8Array> => await packages.bytes(hash);
    const signal = AbortSignal.timeout(2 * CALL_LIMITS.wallTimeMs);
    const offers = parseOffers(await runtime.describe({ hash, load, owner }, signal));
    requireSchedule(offers, this.#now());
    return offers;
  }
}

function noTool(tool: string): { code: string; message: string } {
  return { code: "plugin_input_invalid", message: `The plugin has no tool '${tool}'.` };
}
