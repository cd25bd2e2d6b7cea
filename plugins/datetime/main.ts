import { DateTime } from "luxon";
import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { addBusinessDays, businessDaysBetween } from "./count.ts";
import { written } from "./moment.ts";
import { readMoment } from "./read.ts";
import { repeated } from "./repeat.ts";
import { findZone } from "./zones.ts";

const MOST_REPEATED = 50;
const MOST_AMOUNT = 1_000_000;

const WHEN = { type: "string", minLength: 1, maxLength: 200 } as const;
const ZONE = {
  type: "string",
  description: "Time zone: a name such as 'Europe/Berlin', a city or 'UTC+8'. The user's own if left out",
  maxLength: 60,
} as const;

/** The time in the caller's zone, or in the one that is named. */
function nowIn(zone: string | undefined, own: string): DateTime {
  return DateTime.now().setZone(zone === undefined || zone.trim() === "" ? own : findZone(zone));
}

const now = tool({
  description: "The date and time now, with the weekday and the week's number.",
  input: { type: "object", properties: { zone: ZONE }, required: [], additionalProperties: false },
  execute({ input, caller }) {
    const time = nowIn(input.zone, caller.timeZone).startOf("second");
    return { ...written({ time, isDate: false, notes: [] }, caller.locale), week: time.weekNumber };
  },
});

const read_date = tool({
  description:
    "Says which date a text means, with its weekday: 'next friday 3pm', 'in 10 days', 'first monday of june 2027', '下周三下午三点', '三天后', '2026-03-29T02:30'.",
  input: {
    type: "object",
    properties: { text: { ...WHEN, description: "The date in words or ISO 8601" }, zone: ZONE },
    required: ["text"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    return written(readMoment(input.text, nowIn(input.zone, caller.timeZone)), caller.locale);
  },
});

const convert_zone = tool({
  description:
    "What time it is in another place at a given time, e.g. time '2026-03-05 15:00', from 'New York', to 'Tokyo'.",
  input: {
    type: "object",
    properties: {
      time: { ...WHEN, description: "The time in words or ISO 8601; 'now' for now" },
      to: { ...ZONE, description: "The zone or city wanted" },
      from: { ...ZONE, description: "The zone that the time is given in. The user's own if left out" },
    },
    required: ["time", "to"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const read = readMoment(input.time, nowIn(input.from, caller.timeZone));
    const there = { ...read, time: read.time.setZone(findZone(input.to)), isDate: false };
    const { time, zone } = written({ ...read, isDate: false }, caller.locale);
    return { ...written(there, caller.locale), from: { time, zone } };
  },
});

const difference = tool({
  description:
    "How long it is from one date to another: in years, months and days, in all days, in weekdays (Monday to Friday).",
  input: {
    type: "object",
    properties: {
      start: { ...WHEN, description: "The first date" },
      end: { ...WHEN, description: "The second date" },
      zone: ZONE,
    },
    required: ["start", "end"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const seen = nowIn(input.zone, caller.timeZone);
    const [start, end] = [readMoment(input.start, seen), readMoment(input.end, seen)];
    const isDays = start.isDate && end.isDate;
    const parts = end.time.diff(
      start.time,
      isDays ? ["years", "months", "days"] : ["years", "months", "days", "hours", "minutes"],
    );
    const rounded = parts.set({ minutes: isDays ? 0 : Math.round(parts.minutes) });
    const days = isDays
      ? Math.round(end.time.diff(start.time, "days").days)
      : Math.round(end.time.diff(start.time, "hours").hours / 0.24) / 100;
    const notes = [...start.notes, ...end.notes];
    return {
      start: written(start, caller.locale)["time"],
      end: written(end, caller.locale)["time"],
      words: rounded.reconfigure({ locale: caller.locale }).removeZeros().toHuman() || "0",
      days,
      ...(isDays ? {} : { hours: Math.round(end.time.diff(start.time, "minutes").minutes / 0.6) / 100 }),
      weekdays: businessDaysBetween(start.time, end.time),
      ...(notes.length > 0 ? { note: notes.join(" ") } : {}),
    };
  },
});

const add = tool({
  description: "The date so much later, or earlier with a negative amount. 'weekdays' are Monday to Friday.",
  input: {
    type: "object",
    properties: {
      date: { ...WHEN, description: "The date to start from; 'now' for now" },
      amount: { type: "integer", description: "How many", minimum: -MOST_AMOUNT, maximum: MOST_AMOUNT },
      unit: {
        type: "string",
        description: "Of what",
        enum: ["minutes", "hours", "days", "weekdays", "weeks", "months", "years"],
        default: "days",
      },
      zone: ZONE,
    },
    required: ["date", "amount"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const { amount, unit = "days" } = input;
    const { time, isDate, notes } = readMoment(input.date, nowIn(input.zone, caller.timeZone));
    const moved = unit === "weekdays" ? addBusinessDays(time, amount) : time.plus({ [unit]: amount });
    if (!moved.isValid || Math.abs(moved.year) > 9_999) throw new RangeError("The date is too far away.");
    const isShort = (unit === "months" || unit === "years") && moved.day !== time.day;
    return written(
      {
        time: moved,
        isDate: isDate && unit !== "hours" && unit !== "minutes",
        notes: isShort ? [...notes, "That month is shorter: its last day was taken."] : notes,
      },
      caller.locale,
    );
  },
});

const repeat = tool({
  description:
    "The next dates of something that repeats: rule 'every 2 weeks on monday', 'every month on the last friday', or an RRULE such as 'FREQ=MONTHLY;BYMONTHDAY=-1'.",
  input: {
    type: "object",
    properties: {
      rule: { ...WHEN, description: "How it repeats", maxLength: 300 },
      start: { ...WHEN, description: "The first day to look at. Today if left out" },
      count: { type: "integer", description: "How many dates", minimum: 1, maximum: MOST_REPEATED, default: 10 },
      zone: ZONE,
    },
    required: ["rule"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const seen = nowIn(input.zone, caller.timeZone);
    const start =
      input.start === undefined
        ? { time: seen.startOf("day"), isDate: true, notes: [] }
        : readMoment(input.start, seen);
    const { moments, isEnded, rule } = repeated(input.rule, start, input.count ?? 10);
    const dates = moments.map(
      (moment) => `${written(moment, "en")["time"]} ${moment.time.setLocale(caller.locale).toFormat("ccc")}`,
    );
    const notes = moments.flatMap(({ notes: own }) => own);
    return { dates, zone: seen.zoneName, rule, more: !isEnded, ...(notes.length > 0 ? { note: notes.join(" ") } : {}) };
  },
});

export default definePlugin({ tools: { now, read_date, convert_zone, difference, add, repeat } });
