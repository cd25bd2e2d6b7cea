import type { Flow } from "../access/flows.ts";
import { send } from "../access/request.ts";
import { planOf } from "./form.ts";
import { scheduleStrings } from "./strings.ts";

export const makeSchedule: Flow = async (fields) => {
  await send("POST /api/schedules", planOf(fields, scheduleStrings()));
  return "/schedules";
};

export const changeSchedule: Flow = async (fields) => {
  await send(`PATCH /api/schedules/${fields["id"] ?? ""}`, planOf(fields, scheduleStrings()));
  return "/schedules";
};
