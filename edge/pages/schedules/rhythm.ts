import { format } from "../i18n/format.ts";
import type { Strings } from "../i18n/index.ts";

/** Rhythms that the page has words for; `cron` is any other. */
export const RHYTHMS = ["daily", "weekdays", "weekly", "monthly", "hourly", "cron"] as const;
export type RhythmKind = (typeof RHYTHMS)[number];

/** A rhythm as a person sets it: fields that its kind does not have are what the form shows first. */
export interface Rhythm {
  kind: RhythmKind;
  /** "08:00". */
  time: string;
  /** 0 is Sunday, as in cron. */
  days: number[];
  /** Of the month, from 1 on; "L": the last one. */
  dayOfMonth: string;
  /** Of the hour. */
  minute: number;
  cron: string;
}

/** Days of the week in the order that people read them. */
export const WEEK = [1, 2, 3, 4, 5, 6, 0] as const;
/** Days that every month has, and its last one. */
export const DAYS_OF_MONTH = [...Array.from({ length: 28 }, (_, index) => String(index + 1)), "L"];
export const MINUTES = [0, 15, 30, 45] as const;

export const FIRST_RHYTHM: Rhythm = {
  kind: "weekdays",
  time: "08:00",
  days: [1],
  dayOfMonth: "1",
  minute: 0,
  cron: "0 8 * * 1-5",
};

/** The cron expression of a rhythm. Empty where days of the week are wanted, and none is. */
export function cronOf({ kind, time, days, dayOfMonth, minute, cron }: Rhythm): string {
  const [hour = "8", minutes = "0"] = time.split(":");
  const at = `${Number(minutes)} ${Number(hour)}`;
  if (kind === "daily") return `${at} * * *`;
  if (kind === "weekdays") return `${at} * * 1-5`;
  if (kind === "weekly") return days.length === 0 ? "" : `${at} * * ${days.toSorted((a, b) => a - b).join(",")}`;
  if (kind === "monthly") return `${at} ${dayOfMonth} * *`;
  return kind === "hourly" ? `${minute} * * * *` : cron;
}

/** The rhythm of a cron expression. */
export function rhythmOf(cron: string): Rhythm {
  const rhythm: Rhythm = { ...FIRST_RHYTHM, kind: "cron", cron };
  const hourly = /^([0-5]?\d) \* \* \* \*$/.exec(cron);
  if (hourly) return { ...rhythm, kind: "hourly", minute: Number(hourly[1]) };
  const [, minute = "", hour = "", day = "", week = ""] =
    /^([0-5]?\d) ([01]?\d|2[0-3]) (\S+) \* (\S+)$/.exec(cron) ?? [];
  if (minute === "") return rhythm;
  const time = `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  if (week === "*" && day === "*") return { ...rhythm, kind: "daily", time };
  if (week === "*" && DAYS_OF_MONTH.includes(day)) return { ...rhythm, kind: "monthly", time, dayOfMonth: day };
  if (day !== "*") return rhythm;
  if (week === "1-5") return { ...rhythm, kind: "weekdays", time };
  if (!/^[0-6](?:,[0-6])*$/.test(week)) return rhythm;
  return { ...rhythm, kind: "weekly", time, days: [...new Set(week.split(",").map(Number))] };
}

/** When that is, in words: "every weekday at 8:00". */
export function describeRhythm(cron: string, text: Strings["schedules"], locale: string): string {
  const { kind, time, days, dayOfMonth, minute } = rhythmOf(cron);
  const words = text.rhythms;
  const shown = { time: clockTime(time, locale), minute: String(minute).padStart(2, "0"), day: dayOfMonth };
  if (kind === "weekly") {
    const names = WEEK.filter((day) => days.includes(day)).map((day) => dayName(day, locale));
    return format(words.weekly, { ...shown, days: new Intl.ListFormat(locale).format(names) });
  }
  if (kind === "monthly") return format(dayOfMonth === "L" ? words.lastDay : words.monthly, shown);
  return kind === "cron" ? cron : format(words[kind], shown);
}

/** A day of the week by its name in the reader's language. */
export function dayName(day: number, locale: string, weekday: "long" | "short" = "long"): string {
  // The 1st of November 2026 is a Sunday.
  return new Intl.DateTimeFormat(locale, { weekday, timeZone: "UTC" }).format(Date.UTC(2026, 10, 1 + day));
}

function clockTime(time: string, locale: string): string {
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short", timeZone: "UTC" });
  return clock.format(Date.parse(`2026-11-01T${time}:00Z`));
}
