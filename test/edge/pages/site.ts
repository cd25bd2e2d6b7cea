import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { openApiDocument } from "../../../shared/api/document.ts";
import { createInferenceApi } from "../../../shared/api/inference-api.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { AppEnv } from "../../../edge/env.ts";
import { docsApp, pagesApp, problemPage } from "../../../edge/pages/index.tsx";

/** The inference API's own document: what /docs is made from, without the edge's routes. */
const api = createInferenceApi({
  backend: () => {
    throw new Error("The document needs no backend.");
  },
});

/** The pages alone, for somebody who is signed in or not: who is asking is the edge's matter, tested with it. */
export async function visit(path: string, options: { signedIn?: boolean; headers?: Record<string, string> } = {}) {
  const site = new Hono<AppEnv>();
  site.use(async (c, next) => {
    if (options.signedIn === true) {
      const session = { id: "s", confirmedAt: 0 };
      c.set("account", { id: "home", userId: "ada", userName: "Ada", role: "owner", session });
    }
    await next();
  });
  site.route("/", pagesApp);
  site.route(
    "/",
    docsApp(() => openApiDocument(api, { version: "0.0.0", description: "" })),
  );
  site.notFound((c) => problemPage(c, new PorchlightError("not_found")));
  site.onError((error, c) => problemPage(c, PorchlightError.from(error)));
  const response = await site.request(`https://edge.test${path}`, { headers: options.headers ?? {} }, env);
  return { response, html: await response.text() };
}
