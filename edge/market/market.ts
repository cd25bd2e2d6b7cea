import { DurableObject } from "cloudflare:workers";
import type { EdgeBindings } from "../env.ts";
import { database } from "../store/database.ts";
import { checkNext } from "./check-next.ts";
import { newestRoot } from "./store/metadata.ts";
import { onlineKeys } from "./trust/keys.ts";
import { LIVES } from "./trust/lives.ts";
import { signCatalogue } from "./trust/sign-catalogue.ts";

/** Between two versions others get a word in; what is left is done at the next ring. */
const BETWEEN_MS = 1;

/**
 * The edge's one market: does what takes its time, one thing after the other, and is the one writer of the signed metadata. All that
 * it knows is in D1: it may be evicted whenever nothing runs, and an alarm that failed rings again.
 */
export class Market extends DurableObject<EdgeBindings> {
  /** Something waits for the market. */
  async wake(): Promise<void> {
    await this.#wakeIn(0);
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const options = { db: database(this.env.DB), packages: this.env.PACKAGES };
    const again = await checkNext(options, nowMs);
    if (again !== undefined) await this.#wakeIn(Math.max(again, BETWEEN_MS));
    const keys = await onlineKeys(this.env);
    if (keys === undefined || (await newestRoot(options.db)) === undefined) return;
    const more = await signCatalogue({ ...options, keys, nowMs });
    await this.#wakeIn(more ? BETWEEN_MS : LIVES.upkeepMs);
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
