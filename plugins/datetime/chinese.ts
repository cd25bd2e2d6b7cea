import { DateTime, type DurationLikeObject } from "luxon";
import type { WallTime } from "./moment.ts";

const DIGITS = "零一二三四五六七八九";
const NUMBER = "[\\d零〇一二两三四五六七八九十百]+";
const DAYS: Readonly<Record<string, number>> = {
  大前天: -3,
  前天: -2,
  昨天: -1,
  昨日: -1,
  今天: 0,
  今日: 0,
  今晚: 0,
  今早: 0,
  明天: 1,
  明日: 1,
  明早: 1,
  明晚: 1,
  后天: 2,
  大后天: 3,
};
const WEEKS: Readonly<Record<string, number>> = { 上上: -2, 上: -1, 这: 0, 本: 0, "": 0, 下: 1, 下下: 2 };
const UNITS: Readonly<Record<string, keyof DurationLikeObject>> = {
  秒: "seconds",
  分: "minutes",
  时: "hours",
  天: "days",
  日: "days",
  周: "weeks",
  星: "weeks",
  礼: "weeks",
  月: "months",
  年: "years",
};

const AGO = new RegExp(
  `^(?<half>半)?(?<amount>${NUMBER})?个?(?<more>半)?(?<unit>秒钟?|分钟?|小时|钟头|天|日|周|星期|礼拜|月|年)(?<half2>半)?(?<side>前|后|以前|以后|之前|之后)$`,
);
const RELATIVE_DAY = new RegExp(
  `^(?<day>${Object.keys(DAYS)
    .toSorted((a, b) => b.length - a.length)
    .join("|")})`,
);
const WEEKDAY = /^(?<week>上上|上|这|本|下下|下)?个?(?:周|星期|礼拜)(?<weekday>[一二三四五六日天末1-7])/;
const NTH = new RegExp(
  `^(?:(?<year>${NUMBER}|[今明去后前])年)?(?<month>${NUMBER})月(?:的)?(?:第(?<nth>[一二三四五1-5])|最后一)个?(?:周|星期|礼拜)(?<weekday>[一二三四五六日天1-7])`,
);
const DATE = new RegExp(
  `^(?:(?<year>${NUMBER}|[今明去后前])年)?(?:(?<month>${NUMBER}|上个?|下个?|这个?|本)月)?(?:(?<day>${NUMBER})[日号]|(?<edge>底|初))?`,
);
const TIME = new RegExp(
  `^(?<part>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|半夜|早|晚)?(?:(?<hour>${NUMBER})(?:点钟?|时|[:：])(?:(?<half>半)|(?<quarter>[一三])刻|(?<minute>${NUMBER})分?)?(?:[:：]?(?<second>\\d{1,2})秒?)?)?$`,
);

/** Ways to say a date that are others, cut short. */
const SPELT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})日?/, "$1年$2月$3日"],
  [/^月(?=[底初])/, "本月"],
  [/^([今明去]?)年(?:年)?底/, "$1年12月底"],
  [/^([今明去]?)年(?:年)?初/, "$1年1月初"],
  [/^年/, "今年"],
  [/元旦节?/, "1月1日"],
  [/劳动节/, "5月1日"],
  [/国庆节?/, "10月1日"],
  [/圣诞节?/, "12月25日"],
];

const HOLIDAY = /^(?:元旦|劳动节|国庆|圣诞)/;

/** What a Chinese text says, seen from a moment in its zone: a wall's time, or an instant. Undefined for what is not understood. */
export function parseChinese(text: string, now: DateTime): WallTime | DateTime | undefined {
  const short = text.replace(/[\s，,的]/g, "");
  const found = parseSpelt(short, now);
  // A holiday without a year is the next one.
  const isPast = found !== undefined && DateTime.fromObject(wallOf(found), { zone: now.zone }) < now.startOf("day");
  return isPast && HOLIDAY.test(short) ? parseSpelt(`明年${short}`, now) : found;
}

function wallOf({ year, month, day }: WallTime | DateTime): WallTime {
  return { year, month, day };
}

function parseSpelt(short: string, now: DateTime): WallTime | DateTime | undefined {
  const plain = SPELT_OUT.reduce((text, [other, spelt]) => text.replace(other, spelt), short);
  const moved = ago(plain, now);
  if (moved !== undefined) return moved;
  for (const read of [relativeDay, weekday, nthWeekday, date]) {
    const found = read(plain, now);
    if (found === undefined) continue;
    const hours = timeOfDay(plain.slice(found.length), plain.slice(0, found.length).endsWith("晚"));
    if (hours !== undefined) return { year: found.day.year, month: found.day.month, day: found.day.day, ...hours };
  }
  const hours = plain === "" ? undefined : timeOfDay(plain, false);
  return hours?.hour === undefined ? undefined : { year: now.year, month: now.month, day: now.day, ...hours };
}

interface Found {
  /** A day as it is written: it need not exist. */
  day: { year: number; month: number; day: number };
  length: number;
}

function ago(text: string, now: DateTime): WallTime | DateTime | undefined {
  const { half, amount, more, half2, unit = "", side = "" } = AGO.exec(text)?.groups ?? {};
  const name = unit === "小时" || unit === "钟头" ? "hours" : UNITS[unit[0] ?? ""];
  if (name === undefined || (half === undefined && amount === undefined)) return undefined;
  const count = (amount === undefined ? 0 : number(amount)) + ([half, more, half2].some(Boolean) ? 0.5 : 0);
  const then = now.plus({ [name]: side.includes("前") ? -count : count });
  if (["hours", "minutes", "seconds"].includes(name)) return then;
  return { year: then.year, month: then.month, day: then.day };
}

function relativeDay(text: string, now: DateTime): Found | undefined {
  const { day } = RELATIVE_DAY.exec(text)?.groups ?? {};
  return day === undefined ? undefined : { day: now.plus({ days: DAYS[day] ?? 0 }), length: day.length };
}

/** Of the week of Monday to Sunday that is meant. A weekday alone is the next one, today included. */
function weekday(text: string, now: DateTime): Found | undefined {
  const match = WEEKDAY.exec(text);
  const { week, weekday: name = "" } = match?.groups ?? {};
  if (match === null) return undefined;
  const wanted = weekdayNumber(name);
  const weeks = week === undefined && wanted < now.weekday ? 1 : (WEEKS[week ?? ""] ?? 0);
  return { day: now.plus({ weeks, days: wanted - now.weekday }), length: match[0].length };
}

function nthWeekday(text: string, now: DateTime): Found | undefined {
  const match = NTH.exec(text);
  const { year, month = "", nth, weekday: name = "" } = match?.groups ?? {};
  if (match === null) return undefined;
  const which = nth === undefined ? -1 : number(nth);
  return { day: nthOfMonth(yearOf(year, now), number(month), which, weekdayNumber(name)), length: match[0].length };
}

/** The nth such weekday of a month, or its last for -1. Throws RangeError where the month has no such one. */
export function nthOfMonth(year: number, month: number, nth: number, wanted: number): DateTime {
  const first = DateTime.utc(year, month, 1);
  if (!first.isValid) throw new RangeError("There is no such month.");
  const edge = nth > 0 ? first : first.endOf("month").startOf("day");
  const days = nth > 0 ? ((wanted - edge.weekday + 7) % 7) + (nth - 1) * 7 : -((edge.weekday - wanted + 7) % 7);
  const day = edge.plus({ days });
  if (day.month !== month) throw new RangeError("That month has no such weekday so late.");
  return day;
}

function date(text: string, now: DateTime): Found | undefined {
  const match = DATE.exec(text);
  const { year, month, day, edge } = match?.groups ?? {};
  if (
    match === null ||
    match[0] === "" ||
    (month === undefined && day === undefined && edge === undefined && year === undefined)
  )
    return undefined;
  const base = {
    year: yearOf(year, now),
    month: month === undefined ? (year === undefined ? now.month : 1) : now.month,
  };
  if (month !== undefined) {
    const step = /^[上下这本]/.test(month) ? ({ 上: -1, 下: 1 }[month[0] ?? ""] ?? 0) : undefined;
    const moved = step === undefined ? undefined : now.startOf("month").plus({ months: step });
    base.year = moved?.year ?? base.year;
    base.month = moved?.month ?? number(month);
  }
  if (edge === "底" && month === undefined && year !== undefined) base.month = 12;
  const last = DateTime.utc(base.year, Math.min(base.month, 12)).daysInMonth ?? 31;
  return {
    day: { ...base, day: day === undefined ? (edge === "底" ? last : 1) : number(day) },
    length: match[0].length,
  };
}

/** `{}` for no time; undefined for what is not one. */
function timeOfDay(text: string, isEvening: boolean): { hour?: number; minute?: number; second?: number } | undefined {
  const { part, hour, half, quarter, minute, second } = TIME.exec(text)?.groups ?? {};
  if (text === "") return {};
  if (!TIME.test(text)) return undefined;
  if (hour === undefined)
    return {
      hour: { 凌晨: 3, 清晨: 6, 中午: 12, 下午: 15, 傍晚: 18, 晚上: 20, 晚: 20, 夜里: 22, 半夜: 0 }[part ?? ""] ?? 9,
    };
  const value = number(hour);
  const isLate = isEvening || /下午|傍晚|晚|夜/.test(part ?? "") || (part === "中午" && value < 3);
  return {
    hour: isLate && value < 12 ? value + 12 : part === "凌晨" && value === 12 ? 0 : value,
    minute:
      half === undefined
        ? quarter === undefined
          ? minute === undefined
            ? 0
            : number(minute)
          : number(quarter) * 15
        : 30,
    ...(second === undefined ? {} : { second: Number(second) }),
  };
}

function yearOf(text: string | undefined, now: DateTime): number {
  if (text === undefined) return now.year;
  const step = { 前: -2, 去: -1, 今: 0, 明: 1, 后: 2 }[text];
  if (step !== undefined) return now.year + step;
  const value = number(text);
  return value < 100 && text.length <= 2 && /^\d/.test(text) ? 2000 + value : value;
}

function weekdayNumber(name: string): number {
  if (/[日天末]/.test(name)) return name === "末" ? 6 : 7;
  return number(name);
}

/** `15`, `十五`, `二十`, `二〇二六`. */
function number(text: string): number {
  const plain = text.replaceAll("〇", "零").replaceAll("两", "二");
  if (/^\d+$/.test(plain)) return Number(plain);
  if (!/[十百]/.test(plain)) return Number(plain.replace(/\D/g, (digit) => String(DIGITS.indexOf(digit))));
  const [, hundreds, tens, ones] = /^(?:(.)百)?零?(?:(.)?十)?(.)?$/.exec(plain) ?? [];
  const worth = (digit: string | undefined): number => (digit === undefined ? 0 : Math.max(0, DIGITS.indexOf(digit)));
  const ten = plain.includes("十") ? (tens === undefined ? 1 : worth(tens)) * 10 : 0;
  return worth(hundreds) * 100 + ten + worth(ones);
}
