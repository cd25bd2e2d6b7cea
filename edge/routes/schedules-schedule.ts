import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { takeMade } from "../home/made.ts";
import { schedulesOf } from "../home/schedules/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { requireUse } from "./schedules-access.ts";
import {
  scheduleChangeSchema,
  scheduleOwnerOf,
  scheduleRunSchema,
  scheduleSchema,
  scheduleViewerOf,
  shownRun,
  shownSchedule,
} from "./schedules-schema.ts";

const params = z.object({ id: z.string().max(128) });
const runsSchema = z.object({ runs: z.array(scheduleRunSchema) }).openapi("ScheduleRunList");

const showRoute = createRoute({
  method: "get",
  path: "/api/schedules/{id}",
  operationId: "showSchedule",
  tags: ["Schedules"],
  summary: "Look at a schedule",
  request: { params },
  responses: {
    200: { description: "The schedule.", content: jsonContent(scheduleSchema) },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

const changeRoute = createRoute({
  method: "patch",
  path: "/api/schedules/{id}",
  operationId: "changeSchedule",
  tags: ["Schedules"],
  summary: "Change, pause or go on with a schedule",
  description: "From then on it runs within the limits of who changed it.",
  request: { params, body: jsonBody(scheduleChangeSchema) },
  responses: {
    200: { description: "The schedule as it is now.", content: jsonContent(scheduleSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "forbidden", "not_found", "model_not_found"),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/api/schedules/{id}",
  operationId: "deleteSchedule",
  tags: ["Schedules"],
  summary: "End a schedule",
  description: "What it has under way is cancelled. Answers that landed in sessions stay there.",
  request: { params },
  responses: { 204: { description: "It has ended." }, ...errorResponses("invalid_api_key", "not_found") },
});

const runRoute = createRoute({
  method: "post",
  path: "/api/schedules/{id}/run",
  operationId: "runSchedule",
  tags: ["Schedules"],
  summary: "Run a schedule once more, now",
  request: { params },
  responses: {
    202: { description: "The schedule; `lastRun` is this one.", content: jsonContent(scheduleSchema) },
    ...errorResponses("invalid_api_key", "not_found", "job_active"),
  },
});

const runsRoute = createRoute({
  method: "get",
  path: "/api/schedules/{id}/runs",
  operationId: "listScheduleRuns",
  tags: ["Schedules"],
  summary: "List the last runs of a schedule, the latest first",
  request: { params },
  responses: {
    200: { description: "The runs.", content: jsonContent(runsSchema) },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

/** `/api/schedules/{id}`: one schedule. */
export function mountSchedule(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get("/api/schedules/:id", async (c) => {
    const account = accountOf(c);
    const schedule = await schedulesOf(c.env, account.id).schedule(c.req.param("id"), scheduleViewerOf(account));
    if (!schedule) throw noSuchSchedule();
    return c.json(shownSchedule(schedule) satisfies z.infer<typeof scheduleSchema>);
  });

  registerRoute(app, changeRoute);
  app.patch("/api/schedules/:id", async (c) => {
    const change = definedOnly(await readJsonBody(c.req.raw, scheduleChangeSchema));
    const account = accountOf(c);
    requireUse(account, change);
    const desk = schedulesOf(c.env, account.id);
    const owner = scheduleOwnerOf(account);
    const schedule = takeMade(await desk.change(c.req.param("id"), scheduleViewerOf(account), owner, change));
    return c.json(shownSchedule(schedule) satisfies z.infer<typeof scheduleSchema>);
  });

  registerRoute(app, deleteRoute);
  app.delete("/api/schedules/:id", async (c) => {
    const account = accountOf(c);
    const desk = schedulesOf(c.env, account.id);
    if (!(await desk.remove(c.req.param("id"), scheduleViewerOf(account)))) throw noSuchSchedule();
    return c.body(null, 204);
  });

  registerRoute(app, runRoute);
  app.post("/api/schedules/:id/run", async (c) => {
    const account = accountOf(c);
    const desk = schedulesOf(c.env, account.id);
    const schedule = takeMade(await desk.runNow(c.req.param("id"), scheduleViewerOf(account)));
    return c.json(shownSchedule(schedule) satisfies z.infer<typeof scheduleSchema>, 202);
  });

  registerRoute(app, runsRoute);
  app.get("/api/schedules/:id/runs", async (c) => {
    const account = accountOf(c);
    const runs = await schedulesOf(c.env, account.id).runs(c.req.param("id"), scheduleViewerOf(account));
    if (!runs) throw noSuchSchedule();
    return c.json({ runs: runs.map(shownRun) } satisfies z.infer<typeof runsSchema>);
  });
}

/** Without the fields that were not sent: they stay as they are. */
function definedOnly<T extends object>(change: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }; // its own entries
}

function noSuchSchedule(): PorchlightError {
  return new PorchlightError("not_found", "There is no such schedule, or it is not yours.");
}
