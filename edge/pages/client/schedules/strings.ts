import type { ScheduleStrings } from "../../schedules/describe.ts";

/** The page's words for schedules. */
export function scheduleStrings(): ScheduleStrings {
  const data = document.querySelector("#schedules-data")?.textContent ?? "{}";
  return JSON.parse(data) as ScheduleStrings; // the server of the same build wrote it
}
