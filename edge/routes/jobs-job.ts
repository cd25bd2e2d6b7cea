import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { jobsOf } from "../home/jobs/remote-desk.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { jobSchema, jobWithResultSchema, shownJob, shownResult, viewerOf } from "./jobs-schema.ts";

const params = z.object({ id: z.string().max(128) });

const showRoute = createRoute({
  method: "get",
  path: "/api/jobs/{id}",
  operationId: "showJob",
  tags: ["Jobs"],
  summary: "Look at a job, and read its answer",
  request: { params },
  responses: {
    200: { description: "The job.", content: jsonContent(jobWithResultSchema) },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/api/jobs/{id}/cancel",
  operationId: "cancelJob",
  tags: ["Jobs"],
  summary: "Cancel a job",
  description: "One that runs is stopped at once. One that has ended stays as it is.",
  request: { params },
  responses: {
    200: { description: "The job as it is now.", content: jsonContent(jobSchema) },
    ...errorResponses("invalid_api_key", "not_found"),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/api/jobs/{id}",
  operationId: "deleteJob",
  tags: ["Jobs"],
  summary: "Forget a job that has ended, and its answer",
  request: { params },
  responses: {
    204: { description: "It is forgotten." },
    ...errorResponses("invalid_api_key", "not_found", "job_active"),
  },
});

/** `/api/jobs/{id}`: one job. */
export function mountJob(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, showRoute);
  app.get("/api/jobs/:id", async (c) => {
    const account = accountOf(c);
    const found = await jobsOf(c.env, account.id).job(c.req.param("id"), viewerOf(account));
    if (!found) throw noSuchJob();
    const result = await shownResult(found.job, found.events, account);
    return c.json({ ...shownJob(found.job, account), result } satisfies z.infer<typeof jobWithResultSchema>);
  });

  registerRoute(app, cancelRoute);
  app.post("/api/jobs/:id/cancel", async (c) => {
    const account = accountOf(c);
    const job = await jobsOf(c.env, account.id).cancel(c.req.param("id"), viewerOf(account));
    if (!job) throw noSuchJob();
    return c.json(shownJob(job, account) satisfies z.infer<typeof jobSchema>);
  });

  registerRoute(app, deleteRoute);
  app.delete("/api/jobs/:id", async (c) => {
    const account = accountOf(c);
    const outcome = await jobsOf(c.env, account.id).remove(c.req.param("id"), viewerOf(account));
    if (outcome === "unknown") throw noSuchJob();
    if (outcome === "active") throw new PorchlightError("job_active");
    return c.body(null, 204);
  });
}

function noSuchJob(): PorchlightError {
  return new PorchlightError("not_found", "There is no such job, or it is not yours. Ended ones are kept for a week.");
}
