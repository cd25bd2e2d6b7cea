import { DurableObject } from "cloudflare:workers";
import type { EdgeBindings } from "../env.ts";
import { database } from "../store/database.ts";
import { checkNext } from "./check-next.ts";

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
    const options = { db: database(this.env.DB), packages: this.env.PACKAGES };
    const again = await checkNext(options, Date.now());
    if (again !== undefined) await this.#wakeIn(Math.max(again, BETWEEN_MS));
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
