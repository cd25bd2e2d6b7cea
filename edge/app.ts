import { Hono } from "hono";
import { CROSS_ORIGIN_PATHS, crossOrigin } from "../shared/api/cross-origin.ts";
import { errorResponse, logUnexpected, toPorchlightError } from "../shared/api/errors.ts";
import { identifyRequest, limitHeaders } from "../shared/api/headers.ts";
import { refuseOtherMethods } from "../shared/api/methods.ts";
import { PorchlightError } from "../shared/errors.ts";
import { api } from "./api.ts";
import type { AppEnv } from "./env.ts";
import { guard } from "./access/guard.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { idempotency } from "./middleware/idempotency.ts";
import { preferLocalhost } from "./middleware/localhost.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { mcpChallenge } from "./mcp/challenge.ts";
import { edgeDocument } from "./openapi.ts";
import { shownOrigin } from "./origin.ts";
import { docsApp, PAGE_PATHS, pagesApp, problemPage, wantsPage } from "./pages/index.tsx";

/** The whole edge: what comes before every route, the routes, the pages, and the one place where errors become answers. */
export const app = new Hono<AppEnv>();

app.use(identifyRequest);
for (const path of [
  "/v1/*",
  "/api/*",
  "/j/*",
  "/oauth/*",
  "/enter/*",
  "/mcp",
  "/.well-known/*",
  "/hooks/*",
  "/healthz",
  "/openapi.json",
])
  app.use(path, securityHeaders);
for (const path of CROSS_ORIGIN_PATHS) app.use(path, crossOrigin);
app.use(limitHeaders);
app.use("/mcp", mcpChallenge);
for (const path of [...PAGE_PATHS, "/enter/*"]) app.use(path, preferLocalhost);
for (const path of [...PAGE_PATHS, "/v1/*", "/api/*", "/mcp"]) app.use(path, authenticate);
app.use(guard);
for (const path of ["/v1/*", "/api/*"]) app.use(path, idempotency);

app.get("/openapi.json", (c) => c.json(edgeDocument(shownOrigin(c))));
app.route("/", api);
app.route("/", pagesApp);
app.route(
  "/",
  docsApp((c) => edgeDocument(shownOrigin(c))),
);
refuseOtherMethods(app);

app.onError(async (thrown, c) => {
  const error = toPorchlightError(thrown);
  logUnexpected(error, c);
  return wantsPage(c) ? await problemPage(c, error) : errorResponse(c, error);
});
app.notFound(async (c) => {
  const error = new PorchlightError("not_found");
  return wantsPage(c) ? await problemPage(c, error) : errorResponse(c, error);
});
