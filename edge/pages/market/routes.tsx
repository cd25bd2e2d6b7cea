import { Hono } from "hono";
import { PorchlightError } from "../../../shared/errors.ts";
import { catalogueQuerySchema } from "../../../shared/market/catalogue.ts";
import type { AppEnv } from "../../env.ts";
import { marketReader } from "../../market/reader.ts";
import { pageProps } from "../page-props.ts";
import { renderPage } from "../render.ts";
import { CataloguePage } from "./catalogue.tsx";
import { PluginPage } from "./plugin.tsx";

/** The market, for anybody. */
export const marketPages = new Hono<AppEnv>();

marketPages.get("/market", async (c) => {
  const asked = catalogueQuerySchema.safeParse(c.req.query());
  // Somebody bent the address: the catalogue from its beginning is what helps them.
  const query = asked.success ? asked.data : catalogueQuerySchema.parse({});
  const catalogue = await marketReader(c.env).list(query);
  return await renderPage(c, <CataloguePage page={pageProps(c)} query={query} catalogue={catalogue} />);
});

marketPages.get("/market/:publisher/:name", async (c) => {
  const { publisher, name } = c.req.param();
  const plugin = await marketReader(c.env).find(publisher, name);
  if (plugin === undefined) throw new PorchlightError("not_found", "The market has no such plugin.");
  return await renderPage(c, <PluginPage page={pageProps(c)} plugin={plugin} />);
});
