import { expect, it } from "vitest";
import { requireRecurrence } from "../../../edge/home/schedules/recurrence.ts";
import { stringsFor } from "../../../edge/pages/i18n/index.ts";
import {
  cronOf,
  describeRhythm,
  FIRST_RHYTHM,
  type Rhythm,
  rhythmOf,
  RHYTHMS,
} from "../../../edge/pages/schedules/rhythm.ts";

it.each([
  ["0 8 * * 1-5", /^every weekday at 8:00\sAM$/, /^每个工作日 08:00$/],
  ["30 17 * * *", /^every day at 5:30\sPM$/, /^每天 17:30$/],
  ["5 0 * * 0,1,3", /^every Monday, Wednesday, and Sunday at 12:05\sAM$/, /^每星期一、星期三和星期日 00:05$/],
  ["0 9 1 * *", /^on day 1 of the month at 9:00\sAM$/, /^每月 1 日 09:00$/],
  ["0 9 L * *", /^on the last day of the month at 9:00\sAM$/, /^每月最后一天 09:00$/],
  ["5 * * * *", /^every hour at 05 past$/, /^每小时的第 05 分$/],
  ["*/20 8-18 * * mon", /^\*\/20 8-18 \* \* mon$/, /^\*\/20 8-18 \* \* mon$/],
  ["0 9 31 * *", /^0 9 31 \* \*$/, /^0 9 31 \* \*$/],
])("has words for %s", (cron, en, zh) => {
  expect(describeRhythm(cron, stringsFor("en").schedules, "en")).toMatch(en);
  expect(describeRhythm(cron, stringsFor("zh-CN").schedules, "zh-CN")).toMatch(zh);
});

it("reads back every rhythm that a form can say, and each comes again", () => {
  const changes: Partial<Rhythm>[] = [
    {},
    { time: "00:00", days: [0], dayOfMonth: "28", minute: 45 },
    { time: "23:59", days: [6, 0, 3], dayOfMonth: "L", minute: 7 },
  ];
  for (const kind of RHYTHMS) {
    for (const change of changes) {
      const rhythm = { ...FIRST_RHYTHM, ...change, kind, cron: "15 8,20 * * *" };
      const cron = cronOf(rhythm);
      requireRecurrence({ cron, timeZone: "Europe/Berlin" }, Date.UTC(2026, 10, 23));
      const read = rhythmOf(cron);
      expect([read.kind, cronOf(read)]).toEqual([kind, cron]);
    }
  }
});

it("says nothing where days of the week are wanted and none is", () => {
  expect(cronOf({ ...FIRST_RHYTHM, kind: "weekly", days: [] })).toBe("");
});
