import { casual } from "chrono-node/en";
import { DateTime } from "luxon";
import { nthOfMonth, parseChinese } from "./chinese.ts";
import { fromWall, type Moment, type WallTime } from "./moment.ts";

const LEAP = /^(\d{4}-\d\d-\d\dT?\s?\d\d:\d\d):60(\.\d+)?(.*)$/i;
const ORDINALS: Readonly<Record<string, number>> = {
  first: 1,
  "1st": 1,
  second: 2,
  "2nd": 2,
  third: 3,
  "3rd": 3,
  fourth: 4,
  "4th": 4,
  fifth: 5,
  "5th": 5,
  last: -1,
};
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const NTH =
  /^(?:the )?(first|1st|second|2nd|third|3rd|fourth|4th|fifth|5th|last) (monday|tuesday|wednesday|thursday|friday|saturday|sunday) (?:of|in) ([a-z]{3,9})\.?(?:,? (\d{4}))?$/i;
const FAR = 8_000;

/**
 * A date or time in ISO 8601, in English or in Chinese, seen from `now`; a zone within the text goes before that of `now`. Throws
 * RangeError with a way to say it that is understood.
 */
export function readMoment(text: string, now: DateTime): Moment {
  const plain = text.trim();
  const moment = fromIso(plain, now) ?? fromWords(plain, now);
  if (moment === undefined)
    throw new RangeError(
      `'${plain.slice(0, 80)}' is not understood as one date. Write it as 2026-03-29 or 2026-03-29T14:30.`,
    );
  if (!moment.time.isValid || moment.time.year > FAR) throw new RangeError("The date is too far away.");
  return moment;
}

function fromIso(text: string, now: DateTime): Moment | undefined {
  if (/^now$|^现在$|^此刻$/i.test(text)) return { time: now, isDate: false, notes: [] };
  if (/^\d{10}(?:\d{3})?$/.test(text)) {
    const time = DateTime.fromMillis(Number(text.padEnd(13, "0")), { zone: now.zone });
    return { time, isDate: false, notes: ["Read as seconds or milliseconds since 1970."] };
  }
  const [, before, , behind = ""] = LEAP.exec(text) ?? [];
  const iso = before === undefined ? text : `${before}:59${behind}`;
  const notes = before === undefined ? [] : ["A leap second: it is counted as the second before it."];
  const marked = iso.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d)/, "$1T$2");
  if (!/^[+-]?\d{4,6}-?(?:\d\d|W\d\d|\d{3}$)/.test(marked) || /^(?:\d{5,7}|\d{9,})$/.test(marked)) return undefined;
  const hasZone = /T.*(?:Z|[+-]\d\d(?::?\d\d)?)$/i.test(marked);
  const parsed = DateTime.fromISO(marked, hasZone ? { setZone: true } : { zone: now.zone });
  if (!parsed.isValid) {
    if (/^\d{4}-\d\d-\d\d[\dT:.Z+-]*$/.test(marked))
      throw new RangeError(`There is no such date: ${parsed.invalidExplanation ?? ""}.`);
    return undefined;
  }
  if (hasZone) return { time: parsed, isDate: false, notes };
  const isDate = !/T/i.test(marked);
  // The wall's time as it is written: what is parsed may have been moved by the clocks.
  const wall = DateTime.fromISO(marked, { zone: "UTC" });
  const moment = fromWall(partsOf(wall, isDate), now.zoneName ?? "UTC");
  return { ...moment, notes: [...notes, ...moment.notes] };
}

function fromWords(text: string, now: DateTime): Moment | undefined {
  const zone = now.zoneName ?? "UTC";
  if (/\p{Script=Han}/u.test(text)) {
    const found = parseChinese(text, now);
    if (found === undefined) return undefined;
    return found instanceof DateTime ? { time: found, isDate: false, notes: [] } : fromWall(found, zone);
  }
  const [, nth = "", weekday = "", month = "", year] = NTH.exec(text) ?? [];
  if (nth !== "") {
    const at = MONTHS.indexOf(month.toLowerCase().slice(0, 3)) + 1;
    const which = ORDINALS[nth.toLowerCase()] ?? 1;
    const day = nthOfMonth(Number(year ?? now.year), at, which, WEEKDAYS.indexOf(weekday.toLowerCase()) + 1);
    return fromWall(partsOf(day, true), zone);
  }
  return fromEnglish(text, now, zone);
}

/** By chrono, which is told the wall's time as if it were UTC: the zone's rules are applied to what it answers. */
function fromEnglish(text: string, now: DateTime, zone: string): Moment | undefined {
  const seen = now.setZone("UTC", { keepLocalTime: true });
  const spelt = text.replace(/\bchristmas(?: day)?\b/i, "december 25").replace(/\bnew year'?s day\b/i, "january 1");
  const [found, other] = casual.parse(
    spelt,
    { instant: seen.toJSDate(), timezone: 0 },
    { forwardDate: spelt !== text || /next|this/i.test(text) },
  );
  if (found === undefined || other !== undefined) return undefined;
  const notes = found.text.length < spelt.length - 3 ? [`Only '${found.text}' was understood as a date.`] : [];
  const [, first, second] = /^(\d{1,2})[/.](\d{1,2})[/.]\d{2,4}/.exec(found.text) ?? [];
  if (Math.max(Number(first), Number(second)) <= 12 && first !== second)
    notes.push("Read as month/day; write 2026-04-03 for the third of April.");
  if (found.end !== null && found.end !== undefined) notes.push("The text is of a span of time: its start was taken.");
  const { start } = found;
  if (start.isCertain("timezoneOffset")) {
    const hasZone = /\b[A-Z]{2,5}\b|[+-]\d\d:?\d\d|\bz\b/.test(found.text);
    if (hasZone) return { time: DateTime.fromJSDate(start.date()).setZone(zone), isDate: false, notes };
    return { time: now.plus(start.date().getTime() - seen.toMillis()), isDate: false, notes }; // 'in 3 hours' is time that passes
  }
  const wall = DateTime.fromJSDate(start.date(), { zone: "UTC" });
  const isTime = start.isCertain("hour") || /noon|midnight|morning|afternoon|evening|tonight|night/i.test(found.text);
  const moment = fromWall(partsOf(wall, !isTime), zone);
  return { ...moment, notes: [...notes, ...moment.notes] };
}

function partsOf(time: DateTime, isDate: boolean): WallTime {
  const { year, month, day, hour, minute, second } = time;
  return isDate ? { year, month, day } : { year, month, day, hour, minute, second };
}
