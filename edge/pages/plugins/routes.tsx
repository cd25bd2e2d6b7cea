import { Hono } from "hono";
import { PorchlightError } from "../../../shared/errors.ts";
import type { AppEnv } from "../../env.ts";
import { pluginsOf } from "../../home/plugins/remote-desk.ts";
import { pluginUpdatesOf } from "../../home/plugins/updates/remote.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { database } from "../../store/database.ts";
import { listGrants } from "../../store/oauth.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { CallPage } from "./call.tsx";
import { PluginsPage } from "./page.tsx";

const MOST_CALLS = 20;

/** One's plugins, and what they were called for. */
export const pluginPages = new Hono<AppEnv>();

pluginPages.get("/plugins", async (c) => {
  const { id, userId } = accountOf(c);
  const desk = pluginsOf(c.env, id);
  const [plugins, updates, calls, clients] = await Promise.all([
    desk.list(userId),
    pluginUpdatesOf(c.env, id).list(userId),
    desk.calls(userId, { limit: MOST_CALLS }),
    listGrants(database(c.env.DB), userId, Date.now()),
  ]);
  return await renderPage(
    c,
    <PluginsPage page={pageProps(c)} plugins={plugins} updates={updates} calls={calls} clients={clients} />,
  );
});

pluginPages.get("/plugins/calls/:id", async (c) => {
  const { id, userId } = accountOf(c);
  const call = await pluginsOf(c.env, id).callRecord(userId, c.req.param("id"));
  if (call === undefined) throw new PorchlightError("not_found", "There is no such call, or it was too long ago.");
  return await renderPage(c, <CallPage page={pageProps(c)} call={call} />);
});
