import type { Context } from "hono";
import type { HtmlEscapedString } from "hono/utils/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** Sends a page. It differs by cookie and language, and may hold what only this person may see: nobody keeps a copy. */
export async function renderPage(
  c: Context,
  page: HtmlEscapedString | Promise<HtmlEscapedString>,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  c.header("cache-control", "private, no-store");
  c.header("vary", "Cookie, Accept-Language");
  return c.html(`<!doctype html>${await page}`, status);
}
