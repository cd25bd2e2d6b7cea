import { format } from "../i18n/format.ts";
import type { Strings } from "../i18n/index.ts";

/** The words for schedules, in one language, with the API's sentences. */
export type ScheduleStrings = Strings["schedules"] & { errors: Strings["errors"]; locale: string };

/** What of a run is shown. */
export interface LiveRun {
  kind: keyof Strings["schedules"]["runKinds"];
  state: keyof Strings["schedules"]["runStates"];
  dueAt: string;
  missed: number;
  error: { code: string; message: string } | null;
  landed: object | null;
}

/** What of a schedule changes while one looks: on the page and in its script alike. */
export interface LiveSchedule {
  id: string;
  timeZone: string;
  paused: keyof Strings["schedules"]["pauses"] | null;
  nextTimes: readonly string[];
  lastRun: LiveRun | null;
}

export const LIVE_PARTS = ["paused", "next", "last"] as const;
export type LivePart = (typeof LIVE_PARTS)[number];

/** Texts by the part of the row that shows them; an empty one is not shown. */
export function describeSchedule(schedule: LiveSchedule, text: ScheduleStrings): Record<LivePart, string> {
  const { paused, nextTimes, lastRun, timeZone } = schedule;
  const [next] = nextTimes;
  const never = paused === null ? text.never : "";
  return {
    paused: paused === null ? "" : text.pauses[paused],
    next: next === undefined ? never : format(text.next, { date: momentIn(timeZone, next, text.locale) }),
    last: lastRun === null ? "" : format(text.lastRun, { run: describeRun(lastRun, timeZone, text) }),
  };
}

/** The one word for how it stands, and its colour. */
export function standing({ paused, lastRun }: LiveSchedule, text: ScheduleStrings) {
  if (lastRun?.state === "active") return { state: "wait" as const, label: text.states.running };
  if (paused !== null) return { state: "off" as const, label: text.states.paused };
  return { state: "on" as const, label: text.states.on };
}

/** One run in a line. */
export function describeRun(
  { kind, state, dueAt, missed, error, landed }: LiveRun,
  timeZone: string,
  text: ScheduleStrings,
): string {
  const why = error === null ? "" : (translated(text.errors, error.code) ?? error.message);
  return [
    momentIn(timeZone, dueAt, text.locale),
    text.runStates[state],
    why,
    landed === null ? "" : text.landed,
    text.runKinds[kind],
    missed === 0 ? "" : format(text.missed, { n: missed }),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** A time by the clocks of a zone, with its day of the week. */
export function momentIn(timeZone: string, iso: string, locale: string): string {
  const parts = { weekday: "short", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale, { ...parts, timeZone }).format(Date.parse(iso));
}

function translated(errors: Readonly<Record<string, string>> | null, code: string): string | undefined {
  return Object.entries(errors ?? {}).find(([name]) => name === code)?.[1];
}
