import { type Context, Hono } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { accessPages, signInPage } from "./access/routes.tsx";
import { accountOf } from "../middleware/authenticate.ts";
import { ChatPage } from "./chat/page.tsx";
import { documentSchema } from "./docs/openapi.ts";
import { DocsPage } from "./docs/page.tsx";
import type { AppEnv } from "../env.ts";
import { originOf } from "../origin.ts";
import { pageHeaders } from "./headers.ts";
import { hookPages } from "./hooks/routes.tsx";
import { importPages } from "./import/routes.tsx";
import { jobPages } from "./jobs/routes.tsx";
import { keyPages } from "./keys/routes.tsx";
import { machinePages } from "./machines/routes.tsx";
import { moneyPages } from "./market/money-routes.tsx";
import { marketPages } from "./market/routes.tsx";
import { memoryPages } from "./memory/routes.tsx";
import { oauthPages } from "./oauth/routes.tsx";
import { serverPages } from "./servers/routes.tsx";
import { pluginPages } from "./plugins/routes.tsx";
import { ProblemPage } from "./message-pages.tsx";
import { pageProps } from "./page-props.ts";
import { schedulePages } from "./schedules/routes.tsx";
import { detectLocale, switchLanguage } from "./preferences.ts";
import { renderPage } from "./render.ts";

/** Where pages are: who is asking is looked up there, and 127.0.0.1 is sent to localhost. */
export const PAGE_PATHS = [
  "/",
  "/docs",
  "/sign-in",
  "/setup",
  "/join/:code",
  "/agents",
  "/jobs",
  "/schedules",
  "/memory",
  "/market",
  "/market/mine",
  "/market/purchases",
  "/market/:publisher/:name",
  "/market/:publisher/:name/:action",
  "/plugins",
  "/plugins/servers",
  "/plugins/servers/callback",
  "/oauth/authorize",
  "/plugins/calls/:id",
  "/hooks",
  "/hooks/:id/:delivery",
  "/reviews",
  "/reviews/:id",
  "/import",
  "/device",
  "/device/:id",
  "/keys",
  "/usage",
  "/account",
  "/sessions",
  "/members",
  "/audit",
];

/** The pages people see, and the files they load. Mounted at the root, after whoever is signed in is known. */
export const pagesApp = new Hono<AppEnv>();

for (const path of PAGE_PATHS) if (path !== "/docs") pagesApp.use(path, pageHeaders, switchLanguage, detectLocale);

// Conversations are kept by person, not by household: a browser may be shared.
pagesApp.get("/", (c) => renderPage(c, <ChatPage page={pageProps(c)} account={accountOf(c).userId} />));

pagesApp.route("/", accessPages);
pagesApp.route("/", machinePages);
pagesApp.route("/", keyPages);
pagesApp.route("/", jobPages);
pagesApp.route("/", schedulePages);
pagesApp.route("/", memoryPages);
pagesApp.route("/", importPages);
// Before the pages of plugins, whose addresses look like these.
pagesApp.route("/", moneyPages);
pagesApp.route("/", marketPages);
pagesApp.route("/", pluginPages);
pagesApp.route("/", hookPages);
pagesApp.route("/", serverPages);
pagesApp.route("/", oauthPages);

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
    const page = pageProps(c);
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
export async function problemPage(c: Context<AppEnv>, error: PorchlightError): Promise<Response> {
  await detectLocale(c, done);
  c.res =
    error.code === "invalid_api_key" // A person has no key: they come to sign in.
      ? await signInPage(c, 401)
      : await renderPage(c, <ProblemPage page={pageProps(c)} error={error} />, error.status);
  await pageHeaders(c, done);
  return c.res;
}
