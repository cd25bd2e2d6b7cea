import { PorchlightError } from "../../../../shared/errors.ts";
import type { ListedVersion } from "../../../../shared/market/version-list.ts";
import type { Permissions } from "../../../../shared/plugin/manifest.ts";
import type { PluginPackage } from "../../../../shared/plugin/package.ts";
import type { PluginOffers } from "../../../../shared/plugin/tool-list.ts";
import { type Made, madeLater } from "../../made.ts";
import type { InstallTable } from "../install-table.ts";
import type { Installed } from "../installed.ts";
import { beyond, carriedOver, requireWithin } from "../permissions.ts";
import { newestAbove, reasonsAgainst } from "./judge.ts";
import type { MarketPort } from "./market-port.ts";
import { obtainVersion, type SignedPackage } from "./obtain.ts";
import type { UpdateEntry, UpdateMode, UpdateOffer, UpdateState } from "./update-state.ts";
import { UpdateTable } from "./update-table.ts";
import { type UpdateView, updateView } from "./update-view.ts";

/** What the Worker may ask of it: see `pluginUpdatesOf`. */
export const UPDATE_METHODS = ["list", "look", "update", "rollback", "setMode"] as const;
export type UpdateMethod = (typeof UPDATE_METHODS)[number];

const MIN = 60_000;
/** How often each plugin is looked after, and by how much later at most: not all of the world at one moment. */
const EVERY_MS = 6 * 60 * MIN;
const JITTER_MS = 60 * MIN;
/** After a failure, and twice as long after each further one. */
const RETRY_MS = 15 * MIN;
/** What was installed just now may not be of a market at all: that is known soon. */
const SOON_MS = 2 * MIN;
/** Of one question to the market: what one invocation may fetch is bounded. */
const AT_ONCE = 20;

export interface PluginUpdatesOptions {
  sql: SqlStorage;
  transaction: (step: () => void) => void;
  installs: InstallTable;
  market: MarketPort;
  /** A stored package, which was not revoked. Throws PorchlightError. */
  read: (hash: string) => Promise<PluginPackage>;
  /** What it offers, by its own code in the sandbox. Throws PorchlightError. */
  describe: (userId: string, plugin: PluginPackage) => Promise<PluginOffers>;
  requireEntitled: (userId: string, manifest: Installed["manifest"]) => Promise<void>;
  /** From now on its package stays. Throws PorchlightError. */
  hold: (hash: string) => Promise<void>;
  /** Brings what is held to what is installed and kept, if an earlier try came to nothing. */
  syncHolds: () => void;
  now: () => number;
  random?: () => number;
}

/** A person's word for the update that they saw. `permissions`: absent, what is granted now, as far as it asks for it. */
export interface UpdateConsent {
  hash: string;
  permissions?: Permissions;
  newSigner: boolean;
}

interface Change {
  before: Installed;
  plugin: SignedPackage;
  how: "automatic" | "agreed";
  permissions?: Permissions;
  /** The installed one was taken back: a pin does not hold it. */
  isRevoked?: boolean;
}

/**
 * Brings installed plugins to newer versions of the market: by itself what its person agreed to already, the rest by their word. The
 * installed one is changed in one step at the very end, if it is still the one that this began with.
 */
export class PluginUpdates {
  /** What is due may be due at another time now: see `nextAtMs`. Set once somebody wakes it. */
  onChange: () => void = () => undefined;
  readonly #options: PluginUpdatesOptions;
  readonly #table: UpdateTable;
  readonly #random: () => number;
  #sweep: Promise<void> | undefined;

  constructor(options: PluginUpdatesOptions) {
    this.#options = options;
    this.#table = new UpdateTable(options.sql);
    this.#random = options.random ?? Math.random;
  }

  /** What a person has installed is another now. */
  sync(userId: string): void {
    const known = new Map(this.#table.of(userId).map((state) => [state.name, state]));
    for (const { name, hash } of this.#options.installs.of(userId)) {
      const state = known.get(name);
      known.delete(name);
      if (state?.hash !== hash) this.#table.put(this.#fresh(userId, name, hash, state?.mode ?? "automatic"));
    }
    for (const name of known.keys()) this.#table.remove(userId, name);
    this.onChange();
  }

  nextAtMs(): number | undefined {
    return this.#sweep === undefined ? this.#table.nextAtMs() : undefined;
  }

  /** Looks after what is due, behind whoever calls. */
  tick(): void {
    const due = this.#sweep === undefined ? this.#table.due(this.#options.now(), AT_ONCE) : [];
    if (due.length === 0) return this.onChange();
    this.#options.syncHolds();
    this.#sweep = this.#lookAfter(due)
      .catch((error: unknown) => console.error("plugins: updates could not be looked up:", error))
      .finally(() => {
        this.#sweep = undefined;
        this.onChange();
      });
  }

  /** By name. */
  async list(userId: string): Promise<UpdateView[]> {
    const { installs, market } = this.#options;
    const all = installs.of(userId).map((one) => ({ one, kept: installs.kept.of(userId, one.name) }));
    const hashes = all.flatMap(({ one, kept }) => [one.hash, ...kept.map((earlier) => earlier.one.hash)]);
    const revoked = await market.revokedAmong(hashes);
    return all.flatMap(({ one, kept }): UpdateView[] => {
      const state = this.#table.find(userId, one.name);
      if (state === undefined) return []; // removed meanwhile
      return [updateView(state, { one, kept, revoked, entries: this.#table.entries(userId, one.name) })];
    });
  }

  /** Looks after all of a person's plugins now, or one of them. */
  async look(userId: string, name?: string): Promise<UpdateView[]> {
    const wanted = this.#table.of(userId).filter((state) => name === undefined || state.name === name);
    for (let at = 0; at < wanted.length; at += AT_ONCE) await this.#lookAfter(wanted.slice(at, at + AT_ONCE));
    this.onChange();
    return await this.list(userId);
  }

  /**
   * Updates to the version that is offered, by its person's word for exactly that package. Refused as `not_found`, `plugin_update_over`,
   * `plugin_signer_changed`, `invalid_request`, and as installing is.
   */
  async update(userId: string, name: string, consent: UpdateConsent): Promise<Made<null>> {
    return await madeLater(async () => {
      const before = this.#required(userId, name);
      const offer = this.#table.find(userId, name)?.offer;
      if (offer?.hash !== consent.hash) throw new PorchlightError("plugin_update_over");
      const plugin = await obtainVersion(this.#options, name, { version: offer.version, package: offer.hash });
      if (before.signer !== plugin.signer && !consent.newSigner) throw new PorchlightError("plugin_signer_changed");
      const { permissions } = consent;
      if (permissions !== undefined) requireWithin(permissions, plugin.manifest.permissions);
      await this.#apply(userId, {
        before,
        plugin,
        how: "agreed",
        ...(permissions === undefined ? {} : { permissions }),
      });
      return null;
    });
  }

  /** Goes back to a version that was kept, and stays there. Refused as `not_found`, `plugin_revoked`, and as installing is. */
  async rollback(userId: string, name: string, hash: string): Promise<Made<null>> {
    return await madeLater(async () => {
      const { installs, read, requireEntitled, transaction } = this.#options;
      const before = this.#required(userId, name);
      const kept = requireKept(installs.kept.find(userId, name, hash));
      await read(hash);
      await requireEntitled(userId, kept.manifest);
      transaction(() => {
        const now = installs.find(userId, name);
        if (now?.hash !== before.hash) throw new PorchlightError("plugin_update_over");
        // As it is now: something may have been withdrawn meanwhile.
        const again = requireKept(installs.kept.find(userId, name, hash));
        this.#replace(userId, now, { ...again, enabled: now.enabled }, "rollback");
        this.#change(userId, name, { mode: "pinned" });
      });
      this.onChange();
      return null;
    });
  }

  /** Refused as `not_found`. */
  async setMode(userId: string, name: string, mode: UpdateMode): Promise<Made<null>> {
    return await madeLater(async () => {
      this.#required(userId, name);
      // What is offered may come by itself now.
      this.#change(userId, name, { mode, nextAtMs: this.#options.now() });
      this.onChange();
      return null;
    });
  }

  /** The packages that have to stay, of all people. */
  heldHashes(): string[] {
    const { installs } = this.#options;
    return [...new Set([...installs.hashes(), ...installs.kept.hashes()])];
  }

  async #lookAfter(states: readonly UpdateState[]): Promise<void> {
    const { market, now } = this.#options;
    // Taken off first: should the object end in the midst of it, the next look is at its time.
    for (const { userId, name } of states) this.#change(userId, name, { nextAtMs: this.#laterMs(RETRY_MS) });
    const names = [...new Set(states.map(({ name }) => name))];
    let lists: Map<string, ListedVersion[]>;
    try {
      const versions = await market.versionsOf(names);
      lists = new Map(names.map((name, at) => [name, versions[at] ?? []]));
    } catch (error) {
      for (const state of states) this.#failed(state, null, error);
      return;
    }
    for (const { userId, name } of states) {
      const installed = this.#options.installs.find(userId, name);
      const state = this.#table.find(userId, name);
      if (installed === undefined || state === undefined) continue; // removed meanwhile
      try {
        await this.#lookAt(state, installed, lists.get(name) ?? []);
      } catch (error) {
        console.error(`plugins: ${name} could not be looked after:`, error);
        this.#change(userId, name, { nextAtMs: now() + EVERY_MS });
      }
    }
  }

  /** One plugin, by what the market offers of it. */
  async #lookAt(state: UpdateState, installed: Installed, listed: readonly ListedVersion[]): Promise<void> {
    const { market, now } = this.#options;
    const { userId, name } = state;
    const own = listed.find((one) => one.package === installed.hash);
    const isRevoked = (await market.revokedAmong([installed.hash])).has(installed.hash);
    const isOfMarket = own !== undefined || isRevoked || state.origin === "market";
    const seen = {
      origin: isOfMarket ? ("market" as const) : ("file" as const),
      isYanked: own?.yanked === true,
      checkedAtMs: now(),
      nextAtMs: this.#laterMs(EVERY_MS),
    };
    const next = isOfMarket ? newestAbove(installed.version, listed) : undefined;
    if (next === undefined) return this.#seen(installed, userId, { ...seen, offer: null, problem: null, failures: 0 });
    this.#seen(installed, userId, seen);
    try {
      const plugin = await obtainVersion(this.#options, name, next);
      const found = this.#judged(userId, installed, plugin, isRevoked);
      if (found === undefined) return;
      if (found.isFree) await this.#apply(userId, { before: installed, plugin, how: "automatic", isRevoked });
      else this.#seen(installed, userId, { offer: found.offer, problem: null, failures: 0 });
    } catch (error) {
      this.#failed({ ...state, ...seen }, next.version, error);
    }
  }

  /** Whether a version may come by itself, and what its person is told where not. */
  #judged(
    userId: string,
    installed: Installed,
    plugin: SignedPackage,
    isRevoked: boolean,
  ): { isFree: boolean; offer: UpdateOffer } | undefined {
    const now = this.#options.installs.find(userId, installed.name);
    const mode = this.#table.find(userId, installed.name)?.mode;
    if (now?.hash !== installed.hash || mode === undefined) return undefined; // another one meanwhile
    const { manifest, hash, signer } = plugin;
    const reasons = reasonsAgainst(installed, plugin);
    if (mode === "ask") reasons.push("asked_first");
    // What was taken back runs no more: to stay with it helps nobody.
    if (mode === "pinned" && !isRevoked) reasons.push("pinned");
    const more = beyond(manifest.permissions, installed.manifest.permissions);
    const { version, permissions: asks, runsOn, price } = manifest;
    const offer = { version, hash, signer, reasons, asks, more, runsOn, ...(price ? { price } : {}) };
    return { isFree: reasons.length === 0, offer };
  }

  async #apply(userId: string, { before, plugin, how, permissions, isRevoked = false }: Change): Promise<void> {
    const { installs, transaction, read, describe, hold, requireEntitled } = this.#options;
    const { name } = before;
    const { files: _files, ...manifest } = plugin.manifest;
    await requireEntitled(userId, manifest);
    const offers = await describe(userId, plugin);
    await hold(plugin.hash);
    // Once more, after all that took its time.
    await read(plugin.hash);
    transaction(() => {
      const now = installs.find(userId, name);
      const state = this.#table.find(userId, name);
      if (now?.hash !== before.hash || state === undefined) throw new PorchlightError("plugin_update_over");
      const isMeant = how === "agreed" || state.mode === "automatic" || (state.mode === "pinned" && isRevoked);
      if (!isMeant) throw new PorchlightError("plugin_update_over");
      const { version, permissions: asks } = manifest;
      const granted = permissions ?? carriedOver(now.permissions, asks);
      const { hash, signer } = plugin;
      const next = { ...now, version, hash, manifest, ...offers, permissions: granted, signer };
      this.#replace(userId, now, next, how);
      if (permissions !== undefined) installs.kept.granted(userId, name, asks, permissions);
    });
    this.onChange();
  }

  /** In one transaction: the new one stands, the old one is kept. */
  #replace(userId: string, now: Installed, next: Installed, how: UpdateEntry["how"]): void {
    const { installs } = this.#options;
    const atMs = this.#options.now();
    installs.put(userId, { ...next, installedAtMs: now.installedAtMs, updatedAtMs: atMs });
    this.#table.note(userId, now.name, { from: now.version, to: next.version, how, atMs });
    this.#change(userId, now.name, { origin: "market", checkedAtMs: atMs, nextAtMs: this.#laterMs(SOON_MS) });
  }

  #failed(state: UpdateState, version: string | null, error: unknown): void {
    const { installs, now } = this.#options;
    const { userId, name, hash } = state;
    if (!(error instanceof PorchlightError)) console.error(`plugins: ${name} could not be updated:`, error);
    const { code, message } = PorchlightError.from(error);
    const failures = (this.#table.find(userId, name)?.failures ?? 0) + 1;
    const nextAtMs = this.#laterMs(Math.min(RETRY_MS * 2 ** Math.min(failures - 1, 10), EVERY_MS));
    const installed = installs.find(userId, name);
    // What became another meanwhile has no problem of this one's.
    if (installed?.hash !== hash || code === "plugin_update_over") return;
    this.#seen(installed, userId, { failures, nextAtMs, problem: { version, code, message, atMs: now() } });
  }

  /** What was seen of a package: only while it is the installed one. */
  #seen(installed: Installed, userId: string, seen: Partial<UpdateState>): void {
    if (this.#options.installs.find(userId, installed.name)?.hash === installed.hash)
      this.#change(userId, installed.name, seen);
  }

  #change(userId: string, name: string, to: Partial<UpdateState>): void {
    const state = this.#table.find(userId, name);
    if (state !== undefined) this.#table.put({ ...state, ...to });
  }

  #fresh(userId: string, name: string, hash: string, mode: UpdateMode): UpdateState {
    const none = { origin: null, isYanked: false, checkedAtMs: null, failures: 0, offer: null, problem: null };
    return { userId, name, hash, mode, ...none, nextAtMs: this.#laterMs(SOON_MS) };
  }

  #laterMs(ms: number): number {
    return Math.round(this.#options.now() + ms + this.#random() * Math.min(JITTER_MS, ms));
  }

  #required(userId: string, name: string): Installed {
    const found = this.#options.installs.find(userId, name);
    if (found === undefined) throw new PorchlightError("not_found", "You have no plugin of this name.");
    return found;
  }
}

function requireKept(kept: Installed | undefined): Installed {
  if (kept !== undefined) return kept;
  throw new PorchlightError("not_found", "No such version of it is kept.");
}
