import { type Context, Hono } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { ChatPage } from "./chat/page.tsx";
import { documentSchema } from "./docs/openapi.ts";
import { DocsPage } from "./docs/page.tsx";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";
import { pageHeaders } from "./headers.ts";
import { ProblemPage, SignInNeededPage } from "./message-pages.tsx";
import { pageProps } from "./page-props.ts";
import { detectLocale, switchLanguage } from "./preferences.ts";
import { renderPage } from "./render.ts";

/** The pages people see, and the files they load. Mounted at the root, after whoever is signed in is known. */
export const pagesApp = new Hono<AppEnv>();

pagesApp.use("/", pageHeaders, switchLanguage, detectLocale);

pagesApp.get("/", (c) => {
  const account = c.var.account;
  const page = pageProps(c, account !== undefined);
  if (account === undefined) return renderPage(c, <SignInNeededPage page={page} />, 401);
  return renderPage(c, <ChatPage page={page} account={account.id} />);
});

pagesApp.get("/assets/*", async (c) => {
  const file = await c.env.ASSETS.fetch(c.req.raw);
  if (file.status === 404) throw new PorchlightError("not_found");
  const response = new Response(file.body, file);
  response.headers.set("x-content-type-options", "nosniff");
  return response;
});

/** `/docs`, made from the OpenAPI document that `read` gives: its caller knows all routes, the pages do not. */
export function docsApp(read: (c: Context<AppEnv>) => unknown): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.get("/docs", pageHeaders, switchLanguage, detectLocale, (c) => {
    const document = documentSchema.parse(read(c));
    const origin = originOf(c);
    const page = pageProps(c, c.var.account !== undefined);
    return renderPage(c, <DocsPage page={page} document={document} origin={origin} />);
  });
  return app;
}

/** Whether this request is a person's browser asking for a page, not a program using the API. */
export function wantsPage(c: Context): boolean {
  const isApi = /^\/(?:v1|api)(?:\/|$)/.test(c.req.path);
  return !isApi && (c.req.header("accept") ?? "").includes("text/html");
}

const done = (): Promise<void> => Promise.resolve();

/** An error as a page in the reader's language, with its status: for the one onError and for unknown addresses. */
export async function problemPage(c: Context, error: PorchlightError): Promise<Response> {
  await detectLocale(c, done);
  c.res = await renderPage(c, <ProblemPage page={pageProps(c, false)} error={error} />, error.status);
  await pageHeaders(c, done);
  return c.res;
}
