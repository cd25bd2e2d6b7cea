import type { DateTime } from "luxon";

const MOST_BUSINESS_DAYS = 100_000;

/** Days from Monday to Friday after `start` up to `end`, that day included. Holidays are not known. */
export function businessDaysBetween(start: DateTime, end: DateTime): number {
  const [from, to] =
    start <= end ? [start.startOf("day"), end.startOf("day")] : [end.startOf("day"), start.startOf("day")];
  const days = Math.round(to.diff(from, "days").days);
  const weeks = Math.floor(days / 7);
  let count = weeks * 5;
  for (let step = weeks * 7 + 1; step <= days; step++) if (((from.weekday - 1 + step) % 7) + 1 <= 5) count++;
  return start <= end ? count : -count;
}

export function addBusinessDays(start: DateTime, amount: number): DateTime {
  if (Math.abs(amount) > MOST_BUSINESS_DAYS)
    throw new RangeError(`At most ${MOST_BUSINESS_DAYS} business days can be added.`);
  if (amount === 0) return start;
  const step = Math.sign(amount);
  let day = start;
  while (day.weekday > 5) day = day.minus({ days: step }); // what is a day after Saturday is a day after Friday
  day = day.plus({ weeks: Math.trunc(amount / 5) });
  for (let left = Math.abs(amount) % 5; left > 0; ) {
    day = day.plus({ days: step });
    if (day.weekday <= 5) left--;
  }
  return day;
}
