import type { BackgroundJobs } from "../../shared/api/openai/background.ts";
import type { AppEnv } from "../env.ts";
import { startJob } from "../home/jobs/start-job.ts";
import { accountOf } from "../middleware/authenticate.ts";
import { jobSchema, shownJob } from "./jobs-schema.ts";

/** `background: true` in a chat request: the same job as `POST /api/jobs` makes of it, with that route's own defaults. */
export const chatJobs: BackgroundJobs<AppEnv> = {
  schema: jobSchema,
  start: async (c, body) => {
    const account = accountOf(c);
    const job = shownJob(await startJob(c.env, account, body, {}), account);
    return { job, location: `/api/jobs/${job.id}` };
  },
};
