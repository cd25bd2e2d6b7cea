import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import type { AppEnv } from "../env.ts";
import { firstLine } from "../home/jobs/queued-request.ts";
import { takeMade } from "../home/made.ts";
import { SCHEDULE_LIMITS } from "../home/schedules/limits.ts";
import { schedulesOf } from "../home/schedules/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { requireUse } from "./schedules-access.ts";
import {
  newScheduleSchema,
  scheduleOwnerOf,
  scheduleSchema,
  scheduleViewerOf,
  shownSchedule,
} from "./schedules-schema.ts";

const listSchema = z.object({ schedules: z.array(scheduleSchema) }).openapi("ScheduleList");

const listRoute = createRoute({
  method: "get",
  path: "/api/schedules",
  operationId: "listSchedules",
  tags: ["Schedules"],
  summary: "List scheduled prompts, the latest first",
  description: "One's own; nobody sees another's. A key without the scope `admin` sees what it made itself.",
  responses: {
    200: { description: "The schedules.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_api_key"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/schedules",
  operationId: "createSchedule",
  tags: ["Schedules"],
  summary: "Have a prompt asked again and again",
  description:
    "Each time is a job, which waits for a machine; the answer lands in a session, at a webhook, or both. Facts that its person asked to have " +
    "remembered, and the date, are told to the model. It runs within the limits of the key that made it, or as its person. Times that pass " +
    "while the edge is down, or while a run is still under way, are one run.",
  request: { body: jsonBody(newScheduleSchema) },
  responses: {
    201: { description: "The schedule.", content: jsonContent(scheduleSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "model_not_found", "too_many_schedules"),
  },
});

/** `GET` and `POST /api/schedules`. */
export function mountSchedules(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const account = accountOf(c);
    const schedules = await schedulesOf(c.env, account.id).list(scheduleViewerOf(account));
    return c.json({ schedules: schedules.map(shownSchedule) } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const { title, ...plan } = await readJsonBody(c.req.raw, newScheduleSchema);
    const account = accountOf(c);
    requireUse(account, plan);
    const titled = { ...plan, title: title ?? firstLine(plan.prompt, SCHEDULE_LIMITS.titleCharacters) };
    const schedule = takeMade(await schedulesOf(c.env, account.id).add(scheduleOwnerOf(account), titled));
    c.header("location", `/api/schedules/${schedule.id}`);
    return c.json(shownSchedule(schedule) satisfies z.infer<typeof scheduleSchema>, 201);
  });
}
