import { expect, it } from "vitest";
import { requireRecurrence, tidyCron } from "../../../../edge/home/schedules/recurrence.ts";
import { cronOfWords } from "../../../../edge/home/schedules/words.ts";

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
