import { Hono } from "hono";
import type { AppEnv } from "../../env.ts";
import { lastDays, usageOf } from "../../home/usage.ts";
import { accountOf } from "../../middleware/authenticate.ts";
import { shownKey } from "../../routes/key-schema.ts";
import { onlyOwn } from "../../routes/keys.ts";
import { listApiKeys } from "../../store/api-keys.ts";
import { database } from "../../store/database.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { RANGES_DAYS, UsagePage } from "../usage/page.tsx";
import { KeysPage } from "./page.tsx";

/** The pages of API keys and of what was done with them. */
export const keyPages = new Hono<AppEnv>();

keyPages.get("/keys", async (c) => {
  const account = accountOf(c);
  const rows = await listApiKeys(database(c.env.DB), account.id, onlyOwn(account));
  const keys = rows.map(({ key, userName }) => shownKey(key, userName));
  return await renderPage(c, <KeysPage page={pageProps(c)} keys={keys} nowMs={Date.now()} />);
});

keyPages.get("/usage", async (c) => {
  const days = RANGES_DAYS.find((n) => String(n) === c.req.query("days")) ?? 30;
  const range = lastDays(days, Date.now());
  const usage = await usageOf(c.env, accountOf(c), range);
  return await renderPage(c, <UsagePage page={pageProps(c)} range={range} days={days} usage={usage} />);
});
