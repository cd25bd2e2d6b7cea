import { Hono } from "hono";
import { PorchlightError } from "../../../shared/errors.ts";
import type { AppEnv } from "../../env.ts";
import { hooksOf } from "../../home/hooks/remote-desk.ts";
import { pluginsOf } from "../../home/plugins/remote-desk.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { shownOrigin } from "../../origin.ts";
import { hookViewerOf, shownDelivery, shownHook, shownWholeDelivery } from "../../routes/inbound-webhooks-schema.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { DeliveryPage } from "./delivery.tsx";
import { HooksPage } from "./page.tsx";

/** Of each address, on the page: the others are at `GET /api/hooks/{id}/deliveries`. */
const MOST_SHOWN = 10;

/** Addresses that others send to, and what came. */
export const hookPages = new Hono<AppEnv>();

hookPages.get("/hooks", async (c) => {
  const account = accountOf(c);
  const desk = hooksOf(c.env, account.id);
  const viewer = hookViewerOf(account);
  const [hooks, plugins] = await Promise.all([desk.list(viewer), pluginsOf(c.env, account.id).list(account.userId)]);
  const shown = hooks.map(async (hook) => {
    const log = (await desk.deliveries(hook.id, viewer)) ?? [];
    return { hook: shownHook(hook, shownOrigin(c)), log: log.slice(0, MOST_SHOWN).map(shownDelivery) };
  });
  return await renderPage(c, <HooksPage page={pageProps(c)} hooks={await Promise.all(shown)} plugins={plugins} />);
});

hookPages.get("/hooks/:id/:delivery", async (c) => {
  const account = accountOf(c);
  const desk = hooksOf(c.env, account.id);
  const { id, delivery } = c.req.param();
  const viewer = hookViewerOf(account);
  const [hooks, found] = await Promise.all([desk.list(viewer), desk.delivery(id, viewer, delivery)]);
  const name = hooks.find((hook) => hook.id === id)?.name;
  if (found === undefined || name === undefined)
    throw new PorchlightError("not_found", "There is no such message, or it is too long ago.");
  const page = <DeliveryPage page={pageProps(c)} name={name} delivery={shownWholeDelivery(found)} />;
  return await renderPage(c, page);
});
