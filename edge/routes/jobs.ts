import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { parseWith } from "../../shared/api/validation.ts";
import type { AppEnv } from "../env.ts";
import { jobsOf } from "../home/jobs/remote-desk.ts";
import { jobStateSchema } from "../home/jobs/job.ts";
import { JOB_LIMITS } from "../home/jobs/limits.ts";
import { startJob } from "../home/jobs/start-job.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { jobSchema, newJobSchema, shownJob, viewerOf } from "./jobs-schema.ts";

const listSchema = z
  .object({
    jobs: z.array(jobSchema),
    next: z.string().nullable().openapi({ description: "Send it as `before` for the next page; null: that was all." }),
  })
  .openapi("JobList");

const querySchema = z.object({
  state: jobStateSchema.optional(),
  limit: z.coerce.number().int().min(1).max(JOB_LIMITS.pageMax).default(JOB_LIMITS.page),
  before: z
    .string()
    .regex(/^[1-9]\d{0,15}$/, "expected 'next' of the page before")
    .transform(Number)
    .optional(),
});

const listRoute = createRoute({
  method: "get",
  path: "/api/jobs",
  operationId: "listJobs",
  tags: ["Jobs"],
  summary: "List jobs, the latest first",
  description:
    "One's own; the owner sees that there are others' as well. A key without the scope `admin` sees what it asked for itself.",
  request: {
    query: z.object({
      state: jobStateSchema.optional(),
      limit: z.number().int().min(1).max(JOB_LIMITS.pageMax).optional(),
      before: z.string().optional(),
    }),
  },
  responses: {
    200: { description: "A page of jobs.", content: jsonContent(listSchema) },
    ...errorResponses("invalid_request", "invalid_api_key"),
  },
});

const makeRoute = createRoute({
  method: "post",
  path: "/api/jobs",
  operationId: "createJob",
  tags: ["Jobs"],
  summary: "Ask for an answer that may wait",
  description:
    "The job waits until a machine is free, or comes back, and survives restarts of edge and machine. Its answer, or why there is none, " +
    `is kept for ${JOB_LIMITS.keptMs / 86_400_000} days; the request only until then. The key's limits count when it runs. Send an Idempotency-Key to make it ` +
    "once however often you ask.",
  request: { body: jsonBody(newJobSchema) },
  responses: {
    202: { description: "The job waits, or runs already.", content: jsonContent(jobSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "model_not_found", "body_too_large", "queue_full"),
  },
});

/** `GET` and `POST /api/jobs`. */
export function mountJobs(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, listRoute);
  app.get(listRoute.path, async (c) => {
    const { limit, before, state } = parseWith(querySchema, c.req.query());
    const account = accountOf(c);
    const rows = await jobsOf(c.env, account.id).list({
      ...viewerOf(account),
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { beforeSeq: before }),
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? String(page.at(-1)?.seq) : null;
    return c.json({ jobs: page.map((job) => shownJob(job, account)), next } satisfies z.infer<typeof listSchema>);
  });

  registerRoute(app, makeRoute);
  app.post(makeRoute.path, async (c) => {
    const { request, priority, deadlineSeconds } = await readJsonBody(c.req.raw, newJobSchema);
    const account = accountOf(c);
    const job = await startJob(c.env, account, request, { priority, deadlineMs: deadlineSeconds * 1000 });
    c.header("location", `/api/jobs/${job.id}`);
    return c.json(shownJob(job, account) satisfies z.infer<typeof jobSchema>, 202);
  });
}
