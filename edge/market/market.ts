import { DurableObject } from "cloudflare:workers";
import { PorchlightError } from "../../shared/errors.ts";
import { REVOCATION_POLL_MS } from "../../shared/market/revocations.ts";
import type { ListedVersion } from "../../shared/market/version-list.ts";
import type { PluginName } from "../../shared/plugin/name.ts";
import type { EdgeBindings } from "../env.ts";
import { type Made, madeLater } from "../home/made.ts";
import { database } from "../store/database.ts";
import { checkNext } from "./check-next.ts";
import { followedMarket } from "./followed.ts";
import { MARKET_LIMITS } from "./limits.ts";
import type { Payout } from "./money/payout-desk.ts";
import { Till } from "./money/till.ts";
import { submissionName } from "./packages.ts";
import { collectPackages } from "./store/package-holds.ts";
import { newestRoot } from "./store/metadata.ts";
import { countInstall } from "./store/listing.ts";
import { listedVersions } from "./store/version-list.ts";
import { findOffered, rejectedBetween } from "./store/versions.ts";
import { onlineKeys } from "./trust/keys.ts";
import { LIVES } from "./trust/lives.ts";
import { followedVersions, obtainPlugin, pollMarket, yankedError } from "./trust/poll.ts";
import { signCatalogue } from "./trust/sign-catalogue.ts";

/** Of rejected packages, how long each is tried to be forgotten, and how many at a time: as many as R2 deletes at once. */
const REJECTED_AGAIN_MS = 3 * 24 * 3600_000;
const MOST_FORGOTTEN = 1_000;
/** Between two versions others get a word in; what is left is done at the next ring. */
const BETWEEN_MS = 1;

/**
 * The edge's one market: does what takes its time, one thing after the other, and is the one writer of the signed metadata. All that
 * it knows is in D1: it may be evicted whenever nothing runs, and an alarm that failed rings again.
 */
export class Market extends DurableObject<EdgeBindings> {
  #following: Promise<void> = Promise.resolve();
  readonly #till = new Till(this.env);

  /** Something waits for the market. */
  async wake(): Promise<void> {
    await this.#wakeIn(0);
  }

  /** Somebody sent a package here: if nobody installs it, it is collected one day. */
  async packageSent(): Promise<void> {
    await this.#wakeIn(LIVES.upkeepMs);
  }

  override async alarm(): Promise<void> {
    const followed = followedMarket(this.env);
    // Before anything is signed, and never beside it.
    await this.#collect();
    await this.#wakeIn(followed === undefined ? await this.#work() : await this.#follow(followed));
  }

  /**
   * Has a plugin's package in the bucket, from this market or, held to its signatures, from the followed one. Returns the hash to
   * install it by, or why not. `installer`: whose install it is, for the count.
   */
  async obtain(
    wanted: PluginName & { version: string; unlessYanked?: boolean },
    installer = "",
  ): Promise<Made<string>> {
    return await madeLater(async () => {
      const followed = followedMarket(this.env);
      const db = database(this.env.DB);
      if (followed !== undefined) {
        // Whoever has something of a market has to hear what it takes back.
        await this.#wakeIn(0);
        const { PACKAGES } = this.env;
        return await this.#inTurn(async () => await obtainPlugin(db, PACKAGES, this.ctx.storage, followed, wanted));
      }
      const version = await findOffered(db, wanted);
      if (version === undefined) throw new PorchlightError("not_found", "The market has no such version.");
      if (wanted.unlessYanked === true && version.signedState !== "published") throw yankedError();
      if (installer !== "") await countInstall(db, version.pluginSeq, installer, Date.now());
      return version.hash;
    });
  }

  /** What the market offers of each of these plugins, by its signed metadata. */
  async versionsOf(plugins: readonly PluginName[]): Promise<Made<ListedVersion[][]>> {
    return await madeLater(async () => {
      const followed = followedMarket(this.env);
      if (followed !== undefined)
        return await this.#inTurn(async () => await followedVersions(this.ctx.storage, followed, plugins));
      const db = database(this.env.DB);
      return await Promise.all(plugins.map(async (plugin) => await listedVersions(db, plugin)));
    });
  }

  /** Pays a publisher what is available in a currency. */
  async payOut(publisherId: string, currency: string): Promise<Made<Payout>> {
    return await madeLater(
      async () => await this.#inTurn(async () => await this.#till.payOut(publisherId, currency, Date.now())),
    );
  }

  /** This edge's own market. Returns in how many milliseconds to look again. */
  async #work(): Promise<number> {
    const nowMs = Date.now();
    const options = { db: database(this.env.DB), packages: this.env.PACKAGES };
    const again = await checkNext(options, nowMs);
    if (again === undefined) await this.#forgetRejected(nowMs);
    const keys = await onlineKeys(this.env);
    const isOpen = keys !== undefined && (await newestRoot(options.db)) !== undefined;
    const more = isOpen && (await signCatalogue({ ...options, keys, nowMs }));
    const money = await this.#inTurn(async () => await this.#till.ring(nowMs));
    return Math.max(BETWEEN_MS, more ? 0 : Math.min(again ?? LIVES.upkeepMs, money));
  }

  /** What nobody has is forgotten; if that fails, the next ring does it. */
  async #collect(): Promise<void> {
    try {
      await collectPackages(database(this.env.DB), this.env.PACKAGES, Date.now());
    } catch (error) {
      console.error("Packages that nobody has could not be collected:", error);
    }
  }

  /** Takes packages that were rejected long ago out of the bucket; the same ones for some days, in case one day nothing ran. */
  async #forgetRejected(nowMs: number): Promise<void> {
    const until = nowMs - MARKET_LIMITS.rejectedMs;
    const ids = await rejectedBetween(database(this.env.DB), until - REJECTED_AGAIN_MS, until, MOST_FORGOTTEN);
    if (ids.length > 0) await this.env.PACKAGES.delete(ids.map((id) => submissionName(id)));
  }

  /** The market that this edge follows. What goes wrong is said, and tried again. */
  async #follow(origin: string): Promise<number> {
    try {
      await this.#inTurn(async () => await pollMarket(database(this.env.DB), this.ctx.storage, origin));
    } catch (error) {
      console.error(`What the market at ${origin} took back could not be looked up:`, error);
    }
    return REVOCATION_POLL_MS;
  }

  /** Two clients at once could write down what the older one of them saw last. */
  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const before = this.#following;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#following = promise;
    await before;
    try {
      return await step();
    } finally {
      resolve();
    }
  }

  /** Later than an alarm that is set already changes nothing. */
  async #wakeIn(ms: number): Promise<void> {
    const atMs = Date.now() + ms;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || atMs < set) await this.ctx.storage.setAlarm(atMs);
  }
}

/** The market of this edge. */
export function marketOf(env: EdgeBindings): DurableObjectStub<Market> {
  return env.MARKET.getByName("market");
}
