import { DateTime } from "luxon";

/** A time as it is read from a wall in some zone; a date alone has no hour. */
export interface WallTime {
  year: number;
  month: number;
  day: number;
  hour?: number;
  minute?: number;
  second?: number;
}

export interface Moment {
  time: DateTime;
  /** A day, not a time of it. */
  isDate: boolean;
  /** What a person should know of how it was read. */
  notes: string[];
}

/** The instant at which the clocks of a zone show this. Throws RangeError for a day that no calendar has. */
export function fromWall(wall: WallTime, zone: string): Moment {
  const { year, month, day, hour, minute = 0, second = 0 } = wall;
  const leap = second === 60 ? { second: 59 } : { second };
  const time = DateTime.fromObject({ year, month, day, hour: hour ?? 0, minute, ...leap }, { zone });
  if (!time.isValid)
    throw new RangeError(`There is no such date: ${time.invalidExplanation ?? "it is not in the calendar"}.`);
  const notes: string[] = [];
  if (second === 60) notes.push("A leap second: it is counted as the second before it.");
  if (hour !== undefined) {
    const [first, other] = time.getPossibleOffsets().toSorted((one, two) => one.toMillis() - two.toMillis());
    if (time.hour !== hour || time.minute !== minute)
      notes.push(
        `${clock(hour, minute)} does not exist there that day: the clocks go forward. ${clock(time.hour, time.minute)} was taken.`,
      );
    else if (first !== undefined && other !== undefined) {
      notes.push(
        `${clock(hour, minute)} comes twice there that day: the clocks go back. The first was taken; the other is ${other.toISO({ suppressMilliseconds: true })}.`,
      );
      return { time: first, isDate: false, notes };
    }
  }
  return { time, isDate: hour === undefined, notes };
}

/** A moment as an answer shows it. */
export function written({ time, isDate, notes }: Moment, locale: "en" | "zh-CN"): Record<string, string> {
  const local = time.setLocale(locale);
  const iso = isDate ? time.toISODate() : time.toISO({ suppressMilliseconds: true });
  const words = local.toLocaleString(isDate ? DateTime.DATE_HUGE : { ...DateTime.DATETIME_FULL, weekday: "long" });
  return {
    time: iso ?? "",
    words,
    zone: time.zoneName ?? "UTC",
    ...(locale === "zh-CN" ? { lunar: lunarDate(time) } : {}),
    ...(notes.length > 0 ? { note: notes.join(" ") } : {}),
  };
}

/** In the Chinese calendar, such as 丙午年十月十五. */
function lunarDate(time: DateTime): string {
  const format = { year: "numeric", month: "long", day: "numeric", timeZone: "UTC" } as const;
  const day = time.setZone("UTC", { keepLocalTime: true }).toMillis();
  const parts = new Intl.DateTimeFormat("zh-CN-u-ca-chinese", format).formatToParts(day);
  const of = (wanted: string): string => parts.find(({ type }) => (type as string) === wanted)?.value ?? ""; // 'yearName' is none of ECMAScript's
  return `${of("yearName")}年${of("month")}${lunarDay(Number(of("day")))}`;
}

function lunarDay(day: number): string {
  const one = "十一二三四五六七八九"[day % 10] ?? "";
  if (day % 10 === 0) return ["", "初十", "二十", "三十"][day / 10] ?? "";
  return `${"初十廿"[Math.floor(day / 10)] ?? ""}${one}`;
}

function clock(hour: number, minute: number): string {
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}
