import { Hono } from "hono";
import type { AppEnv } from "../../env.ts";
import { memoryOf } from "../../home/memory/remote-desk.ts";
import { sessionsOf } from "../../home/sessions/remote-desk.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { shownFact } from "../../routes/memory-schema.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { MemoryPage } from "./page.tsx";

/** The page of what is remembered. */
export const memoryPages = new Hono<AppEnv>();

memoryPages.get("/memory", async (c) => {
  const { id, userId } = accountOf(c);
  const [facts, settings] = await Promise.all([
    memoryOf(c.env, id).list(userId),
    sessionsOf(c.env, id).settingsOf(userId),
  ]);
  return await renderPage(c, <MemoryPage page={pageProps(c)} facts={facts.map(shownFact)} settings={settings} />);
});
