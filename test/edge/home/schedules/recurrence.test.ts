import * as fc from "fast-check";
import { expect, it } from "vitest";
import { nextTimeMs, nextTimesMs, requireRecurrence, tidyCron } from "../../../../edge/home/schedules/recurrence.ts";
import { cronOfWords } from "../../../../edge/home/schedules/words.ts";

const BERLIN = "Europe/Berlin";
const at = (time: string): number => Date.parse(time);

/** Times as the zone's clocks show them, with their distance to UTC. */
function times(cron: string, timeZone: string, after: string, most: number): string[] {
  const clock = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short", timeZone });
  return nextTimesMs({ cron, timeZone }, at(after), most).map((ms) => {
    const local = clock.format(ms);
    return `${local} ${(Date.parse(`${local.replace(" ", "T")}Z`) - ms) / 3600_000}`;
  });
}

it("follows the clocks of the zone, not those of the edge", () => {
  expect(times("0 8 * * 1-5", "Asia/Shanghai", "2026-11-20T12:00:00Z", 2)).toEqual([
    "2026-11-23 08:00 8",
    "2026-11-24 08:00 8",
  ]);
  expect(times("0 8 * * *", BERLIN, "2027-03-26T12:00:00Z", 3)).toEqual([
    "2027-03-27 08:00 1",
    "2027-03-28 08:00 2",
    "2027-03-29 08:00 2",
  ]);
  expect(times("0 9 1 * *", "Pacific/Auckland", "2026-11-20T12:00:00Z", 1)).toEqual(["2026-12-01 09:00 13"]);
});

it("comes once on the day that leaves its hour out, as soon as there is an hour again", () => {
  expect(times("30 2 * * *", BERLIN, "2027-03-26T12:00:00Z", 3)).toEqual([
    "2027-03-27 02:30 1",
    "2027-03-28 03:00 2",
    "2027-03-29 02:30 2",
  ]);
  // Half an hour is left out here.
  expect(times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2)).toEqual([
    "2026-10-04 02:30 11",
    "2026-10-05 02:15 11",
  ]);
});

it("comes once on the day that has its hour twice", () => {
  expect(times("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", 2)).toEqual(["2026-10-25 02:30 2", "2026-10-26 02:30 1"]);
  // From between the two it does not come a second time.
  expect(times("30 2 * * *", BERLIN, "2026-10-25T00:45:00Z", 1)).toEqual(["2026-10-26 02:30 1"]);
  expect(times("0 2,14 * * *", BERLIN, "2026-10-24T12:30:00Z", 3)).toEqual([
    "2026-10-25 02:00 2",
    "2026-10-25 14:00 1",
    "2026-10-26 02:00 1",
  ]);
});

it("goes on through the hour that comes twice where it is a distance, not a time of day", () => {
  expect(times("*/30 * * * *", BERLIN, "2026-10-25T00:00:00Z", 4)).toEqual([
    "2026-10-25 02:30 2",
    "2026-10-25 02:00 1",
    "2026-10-25 02:30 1",
    "2026-10-25 03:00 1",
  ]);
});

it.each([
  ["", "UTC", "cron"],
  ["0 8 * *", "UTC", "cron"],
  ["0 8 * * * *", "UTC", "cron"],
  ["0 0 8 * * * 2030", "UTC", "cron"],
  ["@daily", "UTC", "cron"],
  ["2030-01-23T00:00:00", "UTC", "cron"],
  ["61 8 * * *", "UTC", "cron"],
  ["0 8 * * someday", "UTC", "cron"],
  ["*/0 8 * * *", "UTC", "cron"],
  ["0 0 30 2 *", "UTC", "cron"],
  ["* * * * *", "UTC", "cron"],
  ["*/14 * * * *", "UTC", "cron"],
  ["0,59 8,9 * * *", "UTC", "cron"],
  ["0,5 0 1 1 *", "UTC", "cron"],
  [`${"1,".repeat(60)}2 8 * * *`, "UTC", "cron"],
  ["0 8 * * *", "Mars/Base", "timeZone"],
  ["0 8 * * *", "+02:00", "timeZone"],
  ["0 8 * * *", "", "timeZone"],
])("refuses %j in %j", (cron, timeZone, param) => {
  expect(() => requireRecurrence({ cron, timeZone }, at("2026-11-20T12:00:00Z"))).toThrow(
    expect.objectContaining({ code: "invalid_request", param }),
  );
});

it.each(["0 8 * * 1-5", "*/15 * * * *", "0 0 29 2 *", "0 9 L * *", "30 7 * * MON#1", "5,20,35,50 8-18 * * mon-fri"])(
  "takes %j",
  (cron) => requireRecurrence({ cron, timeZone: "America/New_York" }, at("2026-11-20T12:00:00Z")),
);

it("takes any spaces between fields", () => {
  expect(tidyCron("  0\t8  * * 1-5 \n")).toBe("0 8 * * 1-5");
});

it("always goes forward, and finds the same times from wherever it is asked", () => {
  const field = (most: number) => fc.oneof(fc.constant("*"), fc.integer({ min: 0, max: most }).map(String));
  const cron = fc.tuple(fc.integer({ min: 0, max: 59 }), field(23), fc.integer({ min: 0, max: 6 }));
  // Around both changes of clocks.
  const start = fc.integer({ min: at("2026-10-23T00:00:00Z"), max: at("2026-10-27T00:00:00Z") });
  const zone = fc.constantFrom(BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe");
  fc.assert(
    fc.property(cron, start, zone, fc.boolean(), ([minute, hour, day], from, timeZone, isSpring) => {
      const recurrence = { cron: `${minute} ${hour} * * ${hour === "*" ? "*" : day}`, timeZone };
      const afterMs = from + (isSpring ? 154 * 24 * 3600_000 : 0);
      const all = nextTimesMs(recurrence, afterMs, 4);
      expect(all).toHaveLength(4);
      let last = afterMs;
      for (const time of all) {
        expect(time).toBeGreaterThan(last);
        expect(nextTimeMs(recurrence, last)).toBe(time);
        last = time;
      }
    }),
    { numRuns: 100 },
  );
});

it.each([
  ["every weekday at 8", "0 8 * * 1-5"],
  ["Every day at 7:30 am.", "30 7 * * *"],
  ["daily at noon", "0 12 * * *"],
  ["at 18:05 every day", "5 18 * * *"],
  ["weekdays at 6 pm", "0 18 * * 1-5"],
  ["every weekend at 10 in the morning", "0 10 * * 0,6"],
  ["on Mondays, Wednesdays and Fridays at 9", "0 9 * * 1,3,5"],
  ["every Sunday at 12am", "0 0 * * 0"],
  ["every tue & thu at 12 pm", "0 12 * * 2,4"],
  ["every month on the 1st at 9", "0 9 1 * *"],
  ["on the 15th of every month at 8:15 p.m.", "15 20 15 * *"],
  ["on the last day of the month at 20:00", "0 20 L * *"],
  ["hourly", "0 * * * *"],
  ["every 2 hours", "0 */2 * * *"],
  ["every 30 minutes", "*/30 * * * *"],
  ["每个工作日早上8点", "0 8 * * 1-5"],
  ["每天 8:30", "30 8 * * *"],
  ["每天晚上八点半", "30 20 * * *"],
  ["每周一、三、五上午九点", "0 9 * * 1,3,5"],
  ["每周一和周四 18点15分", "15 18 * * 1,4"],
  ["每个星期天下午3点", "0 15 * * 0"],
  ["每周末中午12点", "0 12 * * 0,6"],
  ["每月1号上午十点", "0 10 1 * *"],
  ["每月最后一天晚上十一点三刻", "45 23 L * *"],
  ["每天凌晨十二点", "0 0 * * *"],
  ["每小时", "0 * * * *"],
  ["每隔两个小时", "0 */2 * * *"],
  ["每週一下午兩點", "0 14 * * 1"],
])("reads %j", (words, cron) => {
  expect(cronOfWords(words)).toBe(cron);
  expect(() => requireRecurrence({ cron, timeZone: "UTC" }, Date.UTC(2026, 10, 23))).not.toThrow();
});

it.each([
  "",
  "every weekday",
  "at 8",
  "tomorrow at 8",
  "every day at 25",
  "every day at 8:75",
  "every day at 13 am",
  "every day at eight and nine",
  "every day at 8 every monday",
  "every 7 hours",
  "every 5 minutes",
  "every mon at",
  "0 8 * * 1-5",
  "每天",
  "明天早上8点",
  "每天25点",
  "每天早上13点",
  "每隔七小时",
  "每周八9点",
])("is not sure what %j means", (words) => {
  expect(cronOfWords(words)).toBeUndefined();
});

it("leaves cron expressions to themselves", () => {
  expect(tidyCron(" 0 8 * *  mon-fri ")).toBe("0 8 * * mon-fri");
  expect(tidyCron("every weekday at 8")).toBe("0 8 * * 1-5");
});
