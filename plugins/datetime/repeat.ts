import { DateTime } from "luxon";
import { RRule, rrulestr } from "rrule";
import { fromWall, type Moment } from "./moment.ts";

/** Least and most of what a rule's parts may say; outside of them rrule never ends. */
const RANGES = {
  interval: [1, 1_000],
  count: [1, 100_000],
  bymonth: [1, 12],
  bymonthday: [-31, 31],
  byyearday: [-366, 366],
  byweekno: [-53, 53],
  bysetpos: [-366, 366],
  byhour: [0, 23],
  byminute: [0, 59],
  bysecond: [0, 59],
  byeaster: [-200, 300],
} as const;
/** A rule that has no such date within this many years has none. */
const MOST_YEARS = 50;

/** Dates of a rule, RFC 5545's or in English, from `start` on. Throws RangeError in words. */
export function repeated(
  rule: string,
  start: Moment,
  count: number,
): { moments: Moment[]; isEnded: boolean; rule: string } {
  const { time } = start;
  // The rule's days are those of the wall's calendar: it is worked out as if that were UTC.
  const dtstart = time.setZone("UTC", { keepLocalTime: true });
  const options = optionsOf(rule);
  const end = dtstart.plus({ years: MOST_YEARS });
  const all = new RRule({
    ...options,
    dtstart: dtstart.toJSDate(),
    tzid: null,
    until: earlier(options.until ?? null, end.toJSDate()),
  });
  const found: Date[] = [];
  all.all((date) => {
    found.push(date);
    return found.length <= count;
  });
  const zone = time.zoneName ?? "UTC";
  const moments = found.slice(0, count).map((date) => {
    const { year, month, day, hour, minute, second } = DateTime.fromJSDate(date, { zone: "UTC" });
    return fromWall(start.isDate ? { year, month, day } : { year, month, day, hour, minute, second }, zone);
  });
  return { moments, isEnded: found.length <= count, rule: new RRule(options).toString().replace(/^RRULE:/, "") };
}

function optionsOf(rule: string): ReturnType<typeof RRule.parseString> {
  const text = rule.trim().replace(/^RRULE:/i, "");
  try {
    const { origOptions } = /^[A-Z]+=/i.test(text) ? (rrulestr(text) as RRule) : RRule.fromText(text.toLowerCase());
    if (origOptions.freq === undefined || origOptions.freq > RRule.HOURLY) throw new RangeError("too often, or never");
    if (origOptions.freq === RRule.HOURLY && /;BY/i.test(text)) throw new RangeError("rrule may look for ever");
    for (const [name, [least, most]] of Object.entries(RANGES) as [keyof typeof RANGES, readonly [number, number]][])
      for (const value of [origOptions[name] ?? least].flat())
        if (!(value >= least && value <= most)) throw new RangeError(`${name} is out of its range`);
    return origOptions;
  } catch {
    throw new RangeError(
      `The rule '${text.slice(0, 80)}' is not understood. Write 'every 2 weeks on monday', 'every month on the 3rd friday' or 'FREQ=MONTHLY;BYMONTHDAY=-1'; hours are the shortest step, without BY.`,
    );
  }
}

function earlier(one: Date | null, other: Date): Date {
  return one !== null && one < other ? one : other;
}
