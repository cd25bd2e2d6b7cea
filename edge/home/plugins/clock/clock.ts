import { PorchlightError } from "../../../../shared/errors.ts";
import type { PluginCaller } from "../../../../shared/plugin/context.ts";
import type { ScheduledRun } from "../../../../shared/plugin/part-context.ts";
import type { PluginOffers } from "../../../../shared/plugin/tool-list.ts";
import { NO_LIMITS } from "../../../credentials/key-grant.ts";
import { nextTimeMs, nextTimesMs, requireRecurrence } from "../../schedules/recurrence.ts";
import type { PluginDesk } from "../desk.ts";
import type { Installed } from "../installed.ts";
import { type PluginTime, PluginTimeTable } from "./table.ts";

const MIN = 60_000;
/** Runs begin at most so much later than they are due: not all of a household at the full hour. */
const JITTER_MS = 2 * MIN;
/** After a time at which no machine was there. */
const RETRY_MS = 10 * MIN;
/** So many failures in a row end it, until its person withdraws it and grants it anew. */
const MOST_FAILURES = 10;
const NEVER_MS = Number.MAX_SAFE_INTEGER;
const MOST_MISSED = 99;
const AT_ONCE = 4;
/** Nothing was run: there is another time for it. */
const NOBODY_THERE = new Set(["plugin_no_runtime", "overloaded", "agent_offline"]);

export interface PluginClockOptions {
  sql: SqlStorage;
  plugins: Pick<PluginDesk, "withPart" | "callPart">;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
  random?: () => number;
}

/**
 * Runs plugins at the times that they ask for and their people granted. A run is taken off before it begins: should the object end in its
 * midst, the next one is at the next time. Of times that passed while nothing ran here, one run stands for all.
 */
export class PluginClock {
  readonly #options: PluginClockOptions;
  readonly #times: PluginTimeTable;
  readonly #now: () => number;
  readonly #random: () => number;
  #underWay = 0;

  constructor(options: PluginClockOptions) {
    this.#options = options;
    this.#times = new PluginTimeTable(options.sql);
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** A person's time zone and language. Throws PorchlightError `invalid_request` for what is no zone. */
  setCaller(userId: string, caller: PluginCaller): void {
    requireRecurrence({ cron: "0 0 * * *", timeZone: caller.timeZone }, this.#now());
    this.#times.setCaller(userId, caller);
    this.sync(userId);
  }

  /** A person left. */
  personGone(userId: string): void {
    this.#times.forget(userId);
  }

  /** What a person has installed or granted is another now. */
  sync(userId: string): void {
    const wanted = new Map(this.#options.plugins.withPart(userId, "schedule").map((one) => [one.name, everyOf(one)]));
    for (const { name } of this.#times.of(userId)) if (!wanted.has(name)) this.#times.remove(userId, name);
    for (const [name, every] of wanted) {
      const known = this.#times.find(userId, name);
      const { timeZone, locale } = this.#times.caller(userId);
      if (known?.every === every && known.timeZone === timeZone && known.locale === locale) continue;
      this.#plan({ userId, name, every, timeZone, locale, dueAtMs: 0, nextAtMs: 0, failures: 0 });
    }
    this.#options.onChange();
  }

  /** When a plugin runs next by itself. */
  nextRunMs(userId: string, name: string): number | undefined {
    const atMs = this.#times.find(userId, name)?.nextAtMs;
    return atMs === NEVER_MS ? undefined : atMs;
  }

  nextAtMs(): number | undefined {
    const atMs = this.#times.nextAtMs();
    // What has no place yet begins when another ends.
    return atMs === undefined || atMs === NEVER_MS
      ? undefined
      : Math.max(atMs, this.#underWay < AT_ONCE ? 0 : this.#now() + MIN);
  }

  /** Begins what is due. */
  tick(): void {
    for (const time of this.#times.due(this.#now())) {
      if (this.#underWay >= AT_ONCE) break;
      this.#underWay++;
      const missed = missedOf(time, this.#now());
      this.#plan(time);
      this.#run(time, missed)
        .catch((error: unknown) => console.error(`plugins: ${time.name} could not be run:`, error))
        .finally(() => {
          this.#underWay--;
          this.tick();
        });
    }
    this.#options.onChange();
  }

  async #run(time: PluginTime, missed: number): Promise<void> {
    const { userId, name, dueAtMs, timeZone, locale } = time;
    const input: ScheduledRun = { dueAt: new Date(dueAtMs).toISOString(), missed };
    const outcome = await this.#options.plugins.callPart(userId, name, "schedule", {
      id: `call_${crypto.randomUUID().replaceAll("-", "")}`,
      input,
      caller: { locale, timeZone },
      payer: { caller: { id: userId, version: 0, limits: NO_LIMITS }, models: null, priority: "low" },
      signal: new AbortController().signal,
    });
    const now = this.#times.find(userId, name);
    // It may have been withdrawn, or be another, meanwhile.
    if (now === undefined || now.every !== time.every) return;
    if (outcome.ok) return this.#times.put({ ...now, failures: 0 });
    if (NOBODY_THERE.has(outcome.error.code)) {
      // The same time once more, unless the next one comes sooner.
      const againMs = this.#now() + RETRY_MS;
      if (againMs < now.nextAtMs) this.#times.put({ ...now, dueAtMs, nextAtMs: againMs });
      return;
    }
    const failures = now.failures + 1;
    this.#times.put({ ...now, failures, ...(failures >= MOST_FAILURES ? { nextAtMs: NEVER_MS } : {}) });
  }

  /** When it is due next; one that never is again is forgotten. */
  #plan(time: PluginTime): void {
    const dueAtMs = nextTimeMs({ cron: time.every, timeZone: time.timeZone }, this.#now());
    if (dueAtMs === undefined) return this.#times.remove(time.userId, time.name);
    this.#times.put({ ...time, dueAtMs, nextAtMs: dueAtMs + Math.floor(this.#random() * JITTER_MS) });
  }
}

/** Throws PorchlightError `plugin_invalid` for times that are none, or too close to each other. */
export function requireSchedule({ parts }: Pick<PluginOffers, "parts">, nowMs: number): void {
  for (const part of parts) {
    if (part.part !== "schedule") continue;
    try {
      requireRecurrence({ cron: part.every, timeZone: "UTC" }, nowMs);
    } catch (error) {
      const why = error instanceof PorchlightError ? error.message : "";
      throw new PorchlightError("plugin_invalid", `The plugin's schedule '${part.every}': ${why}`, { cause: error });
    }
  }
}

function everyOf({ parts }: Installed): string {
  const part = parts.find((one) => one.part === "schedule");
  return part?.part === "schedule" ? part.every : "";
}

/** Times after the one that is due, up to now. */
function missedOf({ every, timeZone, dueAtMs }: PluginTime, nowMs: number): number {
  const later = nextTimesMs({ cron: every, timeZone }, dueAtMs, MOST_MISSED);
  return later.filter((timeMs) => timeMs <= nowMs).length;
}
