import { fetchPlugin, fetchRevocations, openMarketClient } from "../../shared/market/follow.ts";
import { REVOCATION_POLL_MS, Revoked } from "../../shared/market/revocations.ts";
import type { TrustOptions } from "../../shared/market/tuf/client.ts";
import { marketFiles } from "./market-files.ts";
import { openTrustFile } from "./trust-file.ts";

export interface FollowerOptions {
  /** The market, or the edge that hands on what it says. */
  origin: string;
  /** Where trust and revocations are kept. */
  file: string;
  log: (line: string) => void;
  now?: () => number;
  everyMs?: number;
  files?: Pick<TrustOptions, "fetchMetadata" | "fetchTarget">;
}

/**
 * Keeps a machine up to date with what its market took back: at once, and every 15 minutes. What was revoked stays so while the market
 * cannot be reached, and after a restart.
 */
export class MarketFollower {
  readonly #options: FollowerOptions;
  #revoked = new Revoked([]);
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  #said = "";
  readonly #stopping = new AbortController();

  private constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Knows what was kept when it resolves; asks from then on. */
  static async start(options: FollowerOptions): Promise<MarketFollower> {
    const follower = new MarketFollower(options);
    const { revocations } = await openTrustFile(options.file, options.origin);
    follower.#revoked = new Revoked(revocations);
    const poll = (): void => void follower.poll();
    follower.#timer = setInterval(poll, options.everyMs ?? REVOCATION_POLL_MS).unref();
    poll();
    return follower;
  }

  /** Throws PorchlightError `plugin_revoked` for a package that the market took back. */
  check(hash: string): void {
    this.#revoked.check(hash);
  }

  /** Asks now. Never throws: what goes wrong is said once, and tried again. */
  async poll(): Promise<void> {
    this.#polling ??= this.#ask().finally(() => (this.#polling = undefined));
    await this.#polling;
  }

  /** A plugin from the market, held to its signatures. Throws PorchlightError. */
  async fetch(wanted: { publisher: string; name: string; version: string }) {
    const { origin, file, now = Date.now, files = this.#files } = this.#options;
    const trust = await openTrustFile(file, origin);
    return await fetchPlugin(await openMarketClient({ ...files, store: trust.store, now }), wanted);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#polling;
  }

  get #files() {
    return marketFiles(this.#options.origin, this.#stopping.signal);
  }

  async #ask(): Promise<void> {
    const { origin, file, log, now = Date.now, files = this.#files } = this.#options;
    const trust = await openTrustFile(file, origin);
    try {
      const client = await openMarketClient({ ...files, store: trust.store, now });
      trust.revocations = await fetchRevocations(client);
      this.#revoked = new Revoked(trust.revocations);
      await trust.save();
      this.#said = "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // An edge that has no market is no trouble.
      const isNone = error instanceof Error && "code" in error && error.code === "market_not_ready";
      if (!isNone && !this.#stopping.signal.aborted && message !== this.#said)
        log(`What the market took back could not be looked up: ${message}`);
      this.#said = message;
    }
  }
}
