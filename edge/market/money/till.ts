import { PorchlightError } from "../../../shared/errors.ts";
import type { EdgeBindings } from "../../env.ts";
import { database } from "../../store/database.ts";
import { LIVES } from "../trust/lives.ts";
import { MONEY_LIMITS } from "./limits.ts";
import { type Payout, payOut } from "./payout-desk.ts";
import { paymentProvider, testProvider } from "./provider/choose.ts";
import { findPayee } from "./sales.ts";
import { takeEvent } from "./take-news.ts";
import { keepMoney } from "./upkeep.ts";

/** The market's money, as its object looks after it: one thing at a time. */
export class Till {
  readonly #env: EdgeBindings;
  #keptAtMs = 0;

  constructor(env: EdgeBindings) {
    this.#env = env;
  }

  /** Does what is due. Returns in how many milliseconds to look again. */
  async ring(nowMs: number): Promise<number> {
    const [db, provider] = [database(this.#env.DB), await paymentProvider(this.#env)];
    const isTime = nowMs - this.#keptAtMs >= MONEY_LIMITS.upkeepMs;
    const more = await keepMoney({ db, provider, nowMs }, isTime);
    if (isTime && !more) this.#keptAtMs = nowMs;
    const test = await testProvider(this.#env);
    const next = await test?.deliver(async (body, headers) => {
      await takeEvent(db, await test.readWebhook(body, headers));
    });
    return more ? 0 : Math.min(LIVES.upkeepMs, Math.max(0, (next ?? Infinity) - nowMs));
  }

  /** Pays a publisher all that is available. Throws `payout_not_ready`, `payment_failed`, `payments_off`. */
  async payOut(publisherId: string, currency: string, nowMs: number): Promise<Payout> {
    const [db, provider] = [database(this.#env.DB), await paymentProvider(this.#env)];
    if (provider === undefined) throw new PorchlightError("payments_off");
    const payee = await findPayee(db, publisherId);
    const payout = payee && (await payOut({ db, provider, nowMs }, payee, currency, 1));
    if (payout !== undefined) return payout;
    throw new PorchlightError("payout_not_ready");
  }
}
