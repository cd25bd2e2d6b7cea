import { Cron } from "croner";
import { PorchlightError } from "../../../shared/errors.ts";
import { SCHEDULE_LIMITS } from "./limits.ts";
import { cronOfWords } from "./words.ts";

/** When something is due again and again. */
export interface Recurrence {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  cron: string;
  /** Its IANA name: times are those of its clocks. */
  timeZone: string;
}

/** The library takes dates and names as well, which have no next time or are not of five fields. */
const FIVE_FIELDS = /^(?:[\dA-Za-z*?,/#+-]+ ){4}[\dA-Za-z*?,/#+-]+$/;
/** Minutes and hours are the same on every day: two days show every distance there is between two times. */
const TWO_DAYS_MS = 2 * 24 * 3600_000;

/**
 * The first time after that one; undefined if there is none. Where clocks are put forward, a time that they leave out is the first one
 * after it ("at 2:30" is at 3:00 then); where they are put back, a time of the day comes once, and "every 15 minutes" goes on.
 */
export function nextTimeMs(recurrence: Recurrence, afterMs: number): number | undefined {
  return nextTimesMs(recurrence, afterMs, 1)[0];
}

/** The next times after that one, at most so many. */
export function nextTimesMs({ cron, timeZone }: Recurrence, afterMs: number, most: number): number[] {
  const times = parsed(cron, timeZone).nextRuns(most, new Date(afterMs));
  return times.map((time) => time.getTime());
}

/** What somebody typed, words or an expression, as an expression with single spaces. */
export function tidyCron(text: string): string {
  return cronOfWords(text) ?? text.trim().replaceAll(/\s+/g, " ");
}

/** Throws `invalid_request` for what is no recurrence, never comes, or comes too often. */
export function requireRecurrence(recurrence: Recurrence, nowMs: number): void {
  if (!isTimeZone(recurrence.timeZone)) {
    throw new PorchlightError("invalid_request", "There is no such time zone. Names are as 'Europe/Berlin'.", {
      param: "timeZone",
    });
  }
  const first = firstTimeMs(recurrence, nowMs);
  if (first === undefined) throw badCron("This time never comes.");
  for (let last = first; last < first + TWO_DAYS_MS; ) {
    const next = nextTimeMs(recurrence, last);
    if (next === undefined) return;
    if (next - last < SCHEDULE_LIMITS.intervalMinMs) {
      throw badCron(`That is too often. Leave ${SCHEDULE_LIMITS.intervalMinMs / 60_000} minutes between two runs.`);
    }
    last = next;
  }
}

function firstTimeMs(recurrence: Recurrence, nowMs: number): number | undefined {
  const { cron } = recurrence;
  if (cron.length > SCHEDULE_LIMITS.cronCharacters || !FIVE_FIELDS.test(cron)) {
    throw badCron(
      "Say it in words, as 'every weekday at 8', or in five fields: minute, hour, day of the month, month, day of the week ('0 8 * * 1-5').",
    );
  }
  try {
    return nextTimeMs(recurrence, nowMs);
  } catch (error) {
    throw badCron(
      `This is no cron expression: ${error instanceof Error ? error.message.replace(/^CronPattern: /, "") : ""}`,
    );
  }
}

function badCron(sentence: string): PorchlightError {
  return new PorchlightError("invalid_request", sentence, { param: "cron" });
}

function isTimeZone(name: string): boolean {
  // The runtime takes offsets as well ("+02:00"), which know nothing of summer.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false; // A RangeError: that is how the runtime says it.
  }
}

function parsed(cron: string, timeZone: string): Cron {
  // "no-wildcard": "0 8,20 * * *" are times of a day too, as in Vixie cron.
  return new Cron(cron, { timezone: timeZone, mode: "5-part", fixedTimeRule: "no-wildcard" });
}
