import { expect, it } from "vitest";
import { ACCESS } from "../../edge/access/table.ts";
import { app } from "../../edge/app.ts";
import { PAGE_PATHS } from "../../edge/pages/index.tsx";
import { request } from "./support/edge.ts";

/** What machines and the pages' own files use. */
const NOT_DOCUMENTED = [
  "GET /openapi.json",
  "GET /assets/*",
  "GET /enter/{code}",
  "GET /tunnel",
  "POST /mcp",
  "POST /api/sign-out",
  "GET /j/{code}",
  "POST /oauth/device_authorization",
  "POST /oauth/token",
  "POST /oauth/register",
  "GET /oauth/client.json",
  "POST /oauth/revoke",
  "GET /.well-known/oauth-authorization-server",
  "GET /.well-known/oauth-protected-resource",
  "GET /.well-known/oauth-protected-resource/mcp",
];
/** Pages, and what only pages call: no part of the API that programs are written against. */
const PAGES = ["/", ...PAGE_PATHS].map((path) => `GET ${path}`);
const OF_PAGES = new Set([
  ...PAGES,
  ...Object.entries(ACCESS).flatMap(([route, { session, page }]) => (session || page ? [route] : [])),
]);

it("describes every route there is, and is open to all", async () => {
  const response = await request("/openapi.json");
  expect(response.status).toBe(200);
  const document = await response.json<{
    openapi: string;
    servers: { url: string }[];
    paths: Record<string, Record<string, { summary?: string; responses: object }>>;
  }>();
  expect(document.openapi).toBe("3.1.0");
  expect(document.servers).toEqual([{ url: "https://edge.test" }]);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const mounted = app.routes
    .filter(({ method, path }) => method !== "ALL" && !OF_PAGES.has(`${method} ${path}`))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`)
    .filter((route) => !NOT_DOCUMENTED.includes(route));
  expect(new Set(described)).toEqual(new Set(mounted));
  for (const methods of Object.values(document.paths)) {
    for (const operation of Object.values(methods)) expect(operation.summary).toMatch(/^[A-Z]/);
  }
});

it("says where an idempotency key counts", async () => {
  const { paths } = await (await request("/openapi.json")).json<{
    paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
  }>();
  const taking = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { parameters }]) => parameters?.some(({ name }) => name === "Idempotency-Key"))
      .map(([method]) => `${method} ${path}`),
  );
  expect(taking).toEqual(
    expect.arrayContaining(["post /v1/chat/completions", "post /v1/embeddings", "post /api/keys"]),
  );
  expect(taking.filter((route) => !/^post \/(?:v1|api)\//.test(route))).toEqual([]);
  for (const open of ["post /api/setup", "post /j/{code}", "post /api/agents/{id}/leave"]) {
    expect(taking).not.toContain(open);
  }
});

it("goes out with headers that let nothing in it run or be framed", async () => {
  for (const path of ["/openapi.json", "/healthz", "/v1/models", "/api/agents", "/enter/x"]) {
    const { headers } = await request(path);
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
});

it("leaves an error that a browser gets as a page its own headers", async () => {
  const response = await request("/enter/used", { headers: { accept: "text/html" } });
  expect(response.status).toBe(410);
  expect(response.headers.get("content-type")).toContain("text/html");
  expect(response.headers.get("content-security-policy")).toContain("style-src 'self'");
});
