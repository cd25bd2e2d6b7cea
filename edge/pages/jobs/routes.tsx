import { Hono } from "hono";
import { hasRole } from "../../access/roles.ts";
import type { AppEnv } from "../../env.ts";
import { accountBackend } from "../../home/account-backend.ts";
import { jobsOf } from "../../home/jobs/remote-desk.ts";
import { JOB_LIMITS } from "../../home/jobs/limits.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { shownJob, viewerOf } from "../../routes/jobs-schema.ts";
import { shownWebhook } from "../../routes/webhooks-schema.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { JobsPage } from "./page.tsx";

/** The page of jobs and webhooks. */
export const jobPages = new Hono<AppEnv>();

jobPages.get("/jobs", async (c) => {
  const account = accountOf(c);
  const desk = jobsOf(c.env, account.id);
  const before = /^[1-9]\d{0,15}$/.exec(c.req.query("before") ?? "")?.[0];
  const filter = { ...viewerOf(account), ...(before === undefined ? {} : { beforeSeq: Number(before) }) };
  const [rows, receivers, models] = await Promise.all([
    desk.list({ ...filter, limit: JOB_LIMITS.page + 1 }),
    hasRole(account.role, "member") ? desk.receivers(account.userId) : [],
    accountBackend(c).listModels(),
  ]);
  const jobs = rows.slice(0, JOB_LIMITS.page);
  const now = Date.now();
  const lists = {
    jobs: jobs.map((job) => shownJob(job, account)),
    next: rows.length > JOB_LIMITS.page ? String(jobs.at(-1)?.seq) : null,
    isLater: before !== undefined,
    webhooks: receivers.map((receiver) => shownWebhook(receiver, now)),
    models: models.filter(({ task }) => task === "generate").map(({ name }) => name),
  };
  return await renderPage(c, <JobsPage page={pageProps(c)} {...lists} nowMs={now} />);
});
