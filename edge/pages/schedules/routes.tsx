import { Hono } from "hono";
import { hasRole } from "../../access/roles.ts";
import type { AppEnv } from "../../env.ts";
import { accountBackend } from "../../home/account-backend.ts";
import { jobsOf } from "../../home/jobs/remote-desk.ts";
import { schedulesOf } from "../../home/schedules/remote-desk.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { scheduleViewerOf, shownSchedule } from "../../routes/schedules-schema.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { SchedulesPage } from "./page.tsx";

/** The page of scheduled prompts. */
export const schedulePages = new Hono<AppEnv>();

schedulePages.get("/schedules", async (c) => {
  const account = accountOf(c);
  const [schedules, receivers, models] = await Promise.all([
    schedulesOf(c.env, account.id).list(scheduleViewerOf(account)),
    hasRole(account.role, "member") ? jobsOf(c.env, account.id).receivers(account.userId) : [],
    accountBackend(c).listModels(),
  ]);
  const choices = {
    models: models.filter(({ task }) => task === "generate").map(({ name }) => name),
    webhooks: receivers.map(({ id, url }) => ({ id, host: new URL(url).host })),
  };
  return await renderPage(
    c,
    <SchedulesPage page={pageProps(c)} schedules={schedules.map(shownSchedule)} {...choices} />,
  );
});
