import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { parseWith } from "../../shared/api/validation.ts";
import type { AppEnv } from "../env.ts";
import { SCHEDULE_LIMITS } from "../home/schedules/limits.ts";
import { nextTimesMs, requireRecurrence } from "../home/schedules/recurrence.ts";
import { recurrenceQuery } from "./schedules-schema.ts";

const timesSchema = z.object({ times: z.array(z.iso.datetime()) }).openapi("ScheduleTimes");

const timesRoute = createRoute({
  method: "get",
  path: "/api/schedule-times",
  operationId: "listScheduleTimes",
  tags: ["Schedules"],
  summary: "The next times that a cron expression comes to",
  request: { query: z.object({ cron: z.string(), timeZone: z.string() }) },
  responses: {
    200: { description: `At most ${SCHEDULE_LIMITS.timesShown}.`, content: jsonContent(timesSchema) },
    ...errorResponses("invalid_request", "invalid_api_key"),
  },
});

/** `GET /api/schedule-times`: what is typed, before it is a schedule. */
export function mountScheduleTimes(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, timesRoute);
  app.get(timesRoute.path, (c) => {
    const recurrence = parseWith(recurrenceQuery, c.req.query());
    const now = Date.now();
    requireRecurrence(recurrence, now);
    const times = nextTimesMs(recurrence, now, SCHEDULE_LIMITS.timesShown).map((ms) => new Date(ms).toISOString());
    return c.json({ times } satisfies z.infer<typeof timesSchema>);
  });
}
