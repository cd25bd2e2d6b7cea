import { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./env.ts";
import { pagesApp } from "./pages/index.tsx";
import { healthz } from "./routes/healthz.ts";

export const app = new OpenAPIHono<AppEnv>();

app.route("/", healthz);
app.route("/", pagesApp);
