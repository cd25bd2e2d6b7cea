import { afterAll, describe, expect, test, vi } from "vitest";
import { parseChinese } from "../../plugins/datetime/chinese.ts";
import { readMoment } from "../../plugins/datetime/read.ts";
import { DateTime } from "luxon";
import { firstParty } from "../support/first-party.ts";

const datetime = await firstParty("datetime");
afterAll(async () => await datetime.stop());
type Answer = Record<string, unknown>;
const call = async (
  tool: string,
  input: object,
  timeZone = "Europe/Berlin",
  locale: "en" | "zh-CN" = "en",
): Promise<Answer> => (await datetime.call(tool, input, {}, { locale, timeZone })) as Answer;

/** A Monday. */
const SEEN = DateTime.fromISO("2026-11-23T12:00", { zone: "Asia/Shanghai" });

describe("dates in words, seen from Monday 23 November 2026 at noon", () => {
  test.each([
    ["明天下午三点", "2026-11-24T15:00"],
    ["下周三", "2026-12-02"],
    ["星期五", "2026-11-27"],
    ["这周日晚上", "2026-11-29T20:00"],
    ["上周末", "2026-11-21"],
    ["上个月15号", "2026-10-15"],
    ["下个月底", "2026-12-31"],
    ["三天后", "2026-11-26"],
    ["两个小时前", "2026-11-23T10:00"],
    ["半小时后", "2026-11-23T12:30"],
    ["一个半小时后", "2026-11-23T13:30"],
    ["一年前", "2025-11-23"],
    ["后天早上8点半", "2026-11-25T08:30"],
    ["2026年12月1日 14:30", "2026-12-01T14:30"],
    ["二〇二七年三月五日", "2027-03-05"],
    ["明年十月一日", "2027-10-01"],
    ["十二月三十一号晚上十一点五十九分", "2026-12-31T23:59"],
    ["中午12点", "2026-11-23T12:00"],
    ["凌晨12点", "2026-11-23T00:00"],
    ["下下周二上午10点一刻", "2026-12-08T10:15"],
    ["2027年6月第一个星期一", "2027-06-07"],
    ["12月最后一个周五", "2026-12-25"],
    ["今年年底", "2026-12-31"],
    ["月底", "2026-11-30"],
    ["年底", "2026-12-31"],
    ["明年元旦", "2027-01-01"],
    ["元旦", "2027-01-01"],
    ["圣诞节晚上八点", "2026-12-25T20:00"],
    ["2026-11-23 下午3点", "2026-11-23T15:00"],
    ["胡说", undefined],
    ["Christmas", "2026-12-25"],
    ["new year's day", "2027-01-01"],
    ["1795435200", "2026-11-23T20:00"],
    ["大后天", "2026-11-26"],
    ["tomorrow at 3pm", "2026-11-24T15:00"],
    ["next wednesday", "2026-12-02"],
    ["in 3 days", "2026-11-26"],
    ["in 3 hours", "2026-11-23T15:00"],
    ["last friday 8:30", "2026-11-20T08:30"],
    ["the first monday of june 2027", "2027-06-07"],
    ["last friday of december", "2026-12-25"],
    ["March 5, 2027", "2027-03-05"],
    ["midnight on 1 Jan 2027", "2027-01-01T00:00"],
    ["9am UTC", "2026-11-23T17:00"],
    ["2027-W01-1", "2027-01-04"],
    ["20270105", "2027-01-05"],
    ["2027-01-05 07:45", "2027-01-05T07:45"],
    ["2027-01-05T07:45:00Z", "2027-01-05T07:45"],
  ])("%s", (text, wanted) => {
    if (wanted === undefined) return expect(() => readMoment(text, SEEN)).toThrow(/not understood/);
    const { time, isDate } = readMoment(text, SEEN);
    expect(isDate ? time.toISODate() : time.toISO()?.slice(0, 16)).toBe(wanted);
  });

  test("a Chinese text is read in no time, whatever it is", () => {
    const from = performance.now();
    for (const piece of ["一", "十", "年", "月第", "1年", "下", "周"]) parseChinese(piece.repeat(200), SEEN);
    expect(performance.now() - from).toBeLessThan(1_000);
  });
});

test("a date that may be two is told how it was read", () => {
  expect(readMoment("3/4/2026", SEEN).notes.join()).toMatch(/month\/day/);
  expect(readMoment("25/12/2026", SEEN).notes).toEqual([]);
});

describe("where clocks change", () => {
  test("a time that does not exist is said not to", async () => {
    expect(await call("read_date", { text: "2026-03-29T02:30" })).toMatchObject({
      time: "2026-03-29T03:30:00+02:00",
      note: expect.stringMatching(/02:30 does not exist there that day/),
    });
  });

  test("a time that comes twice is the first, and the other is told", async () => {
    expect(await call("read_date", { text: "2026-10-25T02:30" })).toMatchObject({
      time: "2026-10-25T02:30:00+02:00",
      note: expect.stringContaining("2026-10-25T02:30:00+01:00"),
    });
  });

  test("a day with the clocks' change is a day of 23 hours", async () => {
    expect(await call("difference", { start: "2026-03-29T00:00", end: "2026-03-30T00:00" })).toMatchObject({
      hours: 23,
    });
    expect(await call("difference", { start: "2026-03-29", end: "2026-03-30" })).toMatchObject({ days: 1 });
    expect(await call("add", { date: "2026-03-28T12:00", amount: 1 })).toMatchObject({
      time: "2026-03-29T12:00:00+02:00",
    });
    expect(await call("add", { date: "2026-03-28T12:00", amount: 24, unit: "hours" })).toMatchObject({
      time: "2026-03-29T13:00:00+02:00",
    });
  });

  test("a leap second is told", async () => {
    expect(await call("read_date", { text: "2016-12-31T23:59:60Z" })).toMatchObject({
      time: "2016-12-31T23:59:59Z",
      note: expect.stringContaining("leap second"),
    });
  });
});

test("what time it is elsewhere", async () => {
  expect(await call("convert_zone", { time: "2026-03-05 15:00", from: "New York", to: "东京" })).toMatchObject({
    time: "2026-03-06T05:00:00+09:00",
    zone: "Asia/Tokyo",
    from: { time: "2026-03-05T15:00:00-05:00", zone: "America/New_York" },
  });
  expect(await call("convert_zone", { time: "2026-07-01T12:00Z", to: "UTC+5:30" })).toMatchObject({
    time: "2026-07-01T17:30:00+05:30",
  });
});

test("dates are told in Chinese, with the Chinese calendar's", async () => {
  const answer = await call("read_date", { text: "2026-02-17" }, "Asia/Shanghai", "zh-CN");
  expect(answer).toMatchObject({
    time: "2026-02-17",
    words: "2026年2月17日星期二",
    lunar: expect.stringContaining("正月初一"),
  });
});

test("how long it is", async () => {
  expect(await call("difference", { start: "2024-02-29", end: "2026-11-23" })).toMatchObject({
    words: "2 years, 8 months, 25 days",
    days: 998,
    weekdays: 712,
  });
  expect(await call("difference", { start: "2026-11-27", end: "2026-11-23" })).toMatchObject({
    days: -4,
    weekdays: -4,
  });
});

test.each([
  ["2026-01-31", 1, "months", "2026-02-28"],
  ["2024-02-29", 1, "years", "2025-02-28"],
  ["2026-11-20", 1, "weekdays", "2026-11-23"],
  ["2026-11-21", 5, "weekdays", "2026-11-27"],
  ["2026-11-22", -1, "weekdays", "2026-11-20"],
  ["2026-11-23", -10, "days", "2026-11-13"],
])("%s and %i %s is %s", async (date, amount, unit, time) => {
  expect(await call("add", { date, amount, unit })).toMatchObject({ time });
});

describe("dates that repeat", () => {
  test.each([
    ["every 2 weeks on monday", "2026-11-23", ["2026-11-23 Mon", "2026-12-07 Mon", "2026-12-21 Mon"]],
    ["FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-23", ["2026-11-30 Mon", "2026-12-31 Thu", "2027-01-31 Sun"]],
    ["every month on the last friday", "2026-11-01", ["2026-11-27 Fri", "2026-12-25 Fri", "2027-01-29 Fri"]],
    ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-11-01", ["2028-02-29 Tue", "2032-02-29 Sun", "2036-02-29 Fri"]],
    ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2026-11-01", []],
    ["FREQ=DAILY;UNTIL=20261124T000000Z", "2026-11-23", ["2026-11-23 Mon", "2026-11-24 Tue"]],
  ])("%s from %s", async (rule, start, dates) => {
    expect((await call("repeat", { rule, start, count: 3 }))["dates"]).toEqual(dates);
  });

  test("keep the wall's time over a change of clocks", async () => {
    const { dates } = await call("repeat", { rule: "FREQ=WEEKLY", start: "2026-10-20T09:00", count: 2 });
    expect(dates).toEqual(["2026-10-20T09:00:00+02:00 Tue", "2026-10-27T09:00:00+01:00 Tue"]);
  });

  test.each([
    "FREQ=SECONDLY",
    "every minute",
    "whenever",
    "FREQ=FOO",
    "FREQ=DAILY;INTERVAL=-1;BYSECOND=99",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=HOURLY;INTERVAL=1000;BYHOUR=1;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;BYSETPOS=5",
    "FREQ=YEARLY;BYWEEKNO=53;BYDAY=+400MO",
    "FREQ=YEARLY;BYEASTER=x",
  ])("%s is refused or ends soon", async (rule) => {
    const from = performance.now();
    await call("repeat", { rule }).catch((error: unknown) => expect(String(error)).toMatch(/not understood/));
    expect(performance.now() - from).toBeLessThan(10_000);
  });
});

test.each([
  ["read_date", { text: "2026-02-30" }, /no such date/i],
  ["read_date", { text: "2026年2月30日" }, /no such date/i],
  ["read_date", { text: "2026-11-23T25:00" }, /no such date/i],
  ["read_date", { text: "gibberish" }, /not understood/],
  ["read_date", { text: "tomorrow and also next friday" }, /not understood/],
  ["read_date", { text: "fifth monday of february 2026" }, /no such weekday/],
  ["read_date", { text: "(".repeat(200) }, /not understood/],
  ["convert_zone", { time: "now", to: "Atlantis" }, /not a time zone/],
  ["convert_zone", { time: "now", to: "CST" }, /America\/Chicago .* or Asia\/Shanghai/],
  ["add", { date: "now", amount: 1_000_000, unit: "years" }, /too far/],
  ["add", { date: "now", amount: 1e9 }, /does not take this/],
])("%s %j says what is wrong", async (tool, input, message) => {
  await expect(call(tool, input)).rejects.toThrow(message);
});

test("now is now, in the caller's zone", async () => {
  const { time, zone } = await call("now", {}, "Asia/Kolkata");
  expect(zone).toBe("Asia/Kolkata");
  expect(Math.abs(Date.parse(String(time)) - Date.now())).toBeLessThan(5_000);
  expect(vi.isFakeTimers()).toBe(false);
});
