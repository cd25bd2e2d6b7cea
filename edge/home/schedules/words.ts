/**
 * The cron expression of a time in words: "every weekday at 8", "on Mondays and Fridays at 18:30", "每个工作日早上8点", "每周一、三晚上9点半".
 * Undefined where it is not sure what is meant.
 */
export function cronOfWords(text: string): string | undefined {
  const words = text
    .trim()
    .toLowerCase()
    .replaceAll(/\s+/g, " ")
    .replace(/[.。]$/, "");
  return /\p{sc=Han}/u.test(words) ? ofChinese(simplified(words.replaceAll(" ", ""))) : ofEnglish(words);
}

/** What of a cron expression comes behind minute and hour. */
type Days = string;

const WEEK = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY = "(?:sun|mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?)(?:days?)?";
const EVERY = "(?:every|each|on|all)";
const ENGLISH_DAYS: [RegExp, (found: RegExpExecArray) => Days][] = [
  [/^(?:every ?day|each day|daily)$/, () => "* * *"],
  [/^(?:(?:every|each) (?:weekday|workday|working day)|(?:on )?(?:weekdays|workdays|working days))$/, () => "* * 1-5"],
  [/^(?:(?:every|each) weekend|(?:on |at )?weekends)$/, () => "* * 0,6"],
  [
    new RegExp(`^(?:${EVERY} )?(?<days>${DAY}(?:(?:, and |,? ?(?:and|&) |, ?| )${DAY})*)$`),
    ({ groups }) => `* * ${daysOf((groups?.["days"] ?? "").match(/[a-z]{3,}/g) ?? [])}`,
  ],
  [
    /^(?:(?:every|each) month on|monthly on|on|every month,?) the (?<day>\d{1,2})(?:st|nd|rd|th)(?: day)?(?: of (?:every|each|the) month)?$/,
    ({ groups }) => dayOfMonth(groups?.["day"]),
  ],
  [/^(?:(?:every|each) month )?on the last day(?: of (?:every|each|the) month)?$/, () => "L * *"],
];

function ofEnglish(words: string): string | undefined {
  if (/^(?:every hour|each hour|hourly)$/.test(words)) return "0 * * * *";
  const step = /^every (?<n>\d{1,2}) (?<unit>hours|minutes)$/.exec(words)?.groups;
  if (step) return everySo(Number(step["n"]), step["unit"] === "hours");
  const [, first = "", at = "", last = ""] =
    /^(?:(.*?),? )?at (.+?)(?:,? ((?:every|each|on|daily).*))?$/.exec(words) ?? [];
  const days = daysBy(ENGLISH_DAYS, first === "" ? last : first);
  return days === undefined || (first !== "" && last !== "") ? undefined : together(englishTime(at), days);
}

function englishTime(text: string): string | undefined {
  if (text === "noon" || text === "midnight") return text === "noon" ? "0 12" : "0 0";
  const pattern =
    /^(?<hour>\d{1,2})(?:[:.](?<minute>\d{2}))? ?(?:o'?clock ?)?(?<half>a\.?m\.?|p\.?m\.?|in the (?:morning|afternoon|evening)|at night)?$/;
  const { hour, minute, half = "" } = pattern.exec(text)?.groups ?? {};
  return timeOf(Number(hour), Number(minute ?? 0), half === "" ? undefined : /^p|afternoon|evening|night/.test(half));
}

const CHINESE_DAY = "[一二三四五六日天]";
const CHINESE_DAYS: [RegExp, (found: RegExpExecArray) => Days][] = [
  [/^(?:每天|每日|天天)$/u, () => "* * *"],
  [/^(?:每个?工作日|工作日|每?周一[至到]周?五)$/u, () => "* * 1-5"],
  [/^(?:每个?周末|周末)$/u, () => "* * 0,6"],
  [
    new RegExp(`^每个?(?:周|星期|礼拜)(?<days>${CHINESE_DAY}(?:[、，,和与]?(?:周|星期|礼拜)?${CHINESE_DAY})*)$`, "u"),
    ({ groups }) => `* * ${weekOf(groups?.["days"]?.match(/[一二三四五六日天]/gu) ?? [])}`,
  ],
  [/^每个?月(?<day>\d{1,2})[号日]$/u, ({ groups }) => dayOfMonth(groups?.["day"])],
  [/^每个?月(?:的)?最后一天$/u, () => "L * *"],
];
const SIMPLIFIED: Record<string, string> = {
  週: "周",
  點: "点",
  個: "个",
  時: "时",
  號: "号",
  鐘: "钟",
  後: "后",
  兩: "两",
};
const DIGITS = "零一二三四五六七八九";

function ofChinese(words: string): string | undefined {
  if (/^每个?小时$/u.test(words)) return "0 * * * *";
  const step = /^每隔?(?<n>\d{1,2}|[二两三四六八]|十二)个?(?<unit>小时|分钟)$/u.exec(words)?.groups;
  if (step) return everySo(chineseNumber(step["n"]), step["unit"] === "小时");
  const pattern =
    /^(?<days>.+?)[，,的]?(?<half>早上|早晨|清晨|上午|凌晨|中午|下午|傍晚|晚上|夜里)?(?<hour>\d{1,2}|[零一二两三四五六七八九十]{1,3})(?:[点时](?<minute>\d{1,2}分?|半|一刻|三刻|整)?|[:：](?<colon>\d{2}))$/u;
  const { days = "", half = "", hour, minute = "", colon } = pattern.exec(words)?.groups ?? {};
  const found = daysBy(CHINESE_DAYS, days);
  const minutes = { 半: 30, 一刻: 15, 三刻: 45, 整: 0 }[minute] ?? Number((colon ?? minute).replace("分", ""));
  const isLater = half === "" ? undefined : /下午|傍晚|晚上|夜里|中午/u.test(half);
  const h = chineseNumber(hour);
  return found === undefined
    ? undefined
    : together(timeOf(h, minutes, half === "中午" && h >= 11 ? true : isLater), found);
}

function simplified(words: string): string {
  return words.replaceAll(/[週點個時號鐘後兩]/gu, (character) => SIMPLIFIED[character] ?? character);
}

function chineseNumber(text = ""): number {
  if (/^\d+$/.test(text)) return Number(text);
  const digits = text.replaceAll("两", "二");
  const [tens = "", ones = ""] = digits.includes("十") ? digits.split("十") : ["零", digits];
  const ten = tens === "" ? 1 : DIGITS.indexOf(tens);
  return ten * 10 + (ones === "" ? 0 : DIGITS.indexOf(ones));
}

/** "30 8". `isLater`: in the second half of the day; undefined: the hour says it. */
function timeOf(hour: number, minute: number, isLater: boolean | undefined): string | undefined {
  if (!(hour >= 0 && hour <= 24 && minute >= 0 && minute <= 59)) return undefined;
  if (isLater !== undefined && hour > 12 && !isLater) return undefined;
  const ofHalf = isLater === undefined || hour > 12 ? hour : (hour % 12) + (isLater ? 12 : 0);
  return `${minute} ${ofHalf % 24}`;
}

function everySo(n: number, isHours: boolean): string | undefined {
  // Only what divides the day, or the hour, comes at even distances.
  if (isHours) return [2, 3, 4, 6, 8, 12].includes(n) ? `0 */${n} * * *` : undefined;
  return [15, 20, 30].includes(n) ? `*/${n} * * * *` : undefined;
}

function daysBy(patterns: [RegExp, (found: RegExpExecArray) => Days][], words: string): Days | undefined {
  for (const [pattern, read] of patterns) {
    const found = pattern.exec(words);
    if (found) return read(found);
  }
  return undefined;
}

function daysOf(names: readonly string[]): string {
  return sorted(names.filter((name) => name !== "and").map((name) => WEEK.indexOf(name.slice(0, 3))));
}

function weekOf(days: readonly string[]): string {
  return sorted(days.map((day) => (day === "日" || day === "天" ? 0 : DIGITS.indexOf(day))));
}

const sorted = (days: number[]): string =>
  [...new Set(days.filter((day) => day >= 0))].toSorted((a, b) => a - b).join(",");

function dayOfMonth(day = ""): Days {
  return `${Number(day)} * *`;
}

function together(time: string | undefined, days: Days): string | undefined {
  return time === undefined ? undefined : `${time} ${days}`;
}
