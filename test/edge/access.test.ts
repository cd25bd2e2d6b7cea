import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { ACCESS, type Need } from "../../edge/access/table.ts";
import { hasRole, type Role } from "../../edge/access/roles.ts";
import { allowsScope, type Scope } from "../../edge/access/scopes.ts";
import { app } from "../../edge/app.ts";
import { bearer, insertKey, insertUser, type Owner, request, setUp } from "./support/edge.ts";
import { forgetAttempts, insertSession, LOCAL } from "./support/people.ts";

/** Spelled out, so that opening another address takes more than one edit. */
const OPEN = [
  "GET /.well-known/oauth-authorization-server",
  "GET /.well-known/oauth-protected-resource",
  "GET /.well-known/oauth-protected-resource/mcp",
  "GET /api/market/packages/:hash",
  "GET /api/market/plugins",
  "GET /api/market/plugins/:publisher/:name",
  "GET /api/market/targets/:file",
  "GET /api/market/targets/:publisher/:name/:file",
  "GET /api/market/tuf/:file",
  "GET /assets/*",
  "GET /docs",
  "GET /enter/:code",
  "GET /healthz",
  "GET /j/:code",
  "GET /join/:code",
  "GET /market",
  "GET /market/:publisher/:name",
  "GET /oauth/client.json",
  "GET /openapi.json",
  "GET /setup",
  "GET /sign-in",
  "GET /tunnel",
  "POST /api/agents/:id/backup",
  "POST /api/agents/:id/leave",
  "POST /api/join",
  "POST /api/join/options",
  "POST /api/market/payments/webhook",
  "POST /api/setup",
  "POST /api/setup/options",
  "POST /api/setup/passkey",
  "POST /api/sign-in",
  "POST /api/sign-in/options",
  "POST /api/sign-in/password",
  "POST /api/sign-in/recovery",
  "POST /api/sign-out",
  "POST /hooks/:id",
  "POST /j/:code",
  "POST /oauth/device_authorization",
  "POST /oauth/register",
  "POST /oauth/revoke",
  "POST /oauth/token",
];
/** For nobody but the owner. */
const OWNERS = [
  "DELETE /api/agents/:id",
  "DELETE /api/agents/:id/drain",
  "DELETE /api/invitations/:id",
  "DELETE /api/members/:id",
  "GET /audit",
  "GET /device",
  "GET /device/:id",
  "GET /members",
  "PATCH /api/agents/:id",
  "PATCH /api/members/:id",
  "POST /api/agents/:id/drain",
  "POST /api/agents/:id/restore",
  "POST /api/device-authorizations/:id/approve",
  "POST /api/device-authorizations/:id/deny",
  "POST /api/device-authorizations/find",
  "POST /api/invitations",
  "POST /api/pairing-codes",
  "POST /api/sign-in-links",
  "PUT /api/dispatch",
];

/** As the router has them: nothing that answers is left out. */
const routes = [
  ...new Set(app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`)),
].toSorted();

// Each goes through all routes, one by one: seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let owner: Owner;
const people: Partial<Record<Role, string>> = {};
const keys: Record<string, string> = {};

beforeAll(async () => {
  owner = await setUp();
  const first = await env.DB.prepare("SELECT id FROM users").first<{ id: string }>();
  people.owner = first?.id ?? "";
  people.member = await insertUser(owner.accountId, "member");
  people.viewer = await insertUser(owner.accountId, "viewer");
  keys["owner's key"] = owner.apiKey;
  keys["owner's inference key"] = await insertKey(owner.accountId, "inference");
  keys["owner's monitoring key"] = await insertKey(owner.accountId, "agents:read");
  keys["member's widest key"] = await insertKey(owner.accountId, "admin", people.member);
});

/** What kept the caller out, if that was the table: not what a handler thought of an empty body. */
async function keptOut(route: string, headers: Record<string, string>): Promise<string | undefined> {
  const [method = "", pattern = ""] = route.split(" ");
  const path = pattern
    .replace(":code", "c".repeat(22))
    .replace(":model{.+}", "m")
    .replace(":id", "i")
    .replace("*", "x");
  const page = method === "GET" ? {} : { origin: LOCAL, "sec-fetch-site": "same-origin" };
  await forgetAttempts();
  const response = await request(LOCAL + path, {
    method,
    headers: { ...page, ...headers, ...(method === "GET" ? {} : { "content-type": "application/json" }) },
    ...(method === "POST" || method === "PUT" || method === "PATCH" ? { body: '{"nonsense":1}' } : {}),
  });
  if (response.status !== 401 && response.status !== 403) return undefined;
  // In the shape of the route's dialect: Ollama's error is a sentence, with the code beside it.
  const { error, code } = await response.json<{ error: { code: string }; code?: string }>();
  return ["invalid_api_key", "forbidden", "confirmation_needed"].find((name) => name === (code ?? error.code));
}

function expected(
  need: Need | undefined,
  who: { role: Role; session: boolean; fresh: boolean; scopes?: Scope[] },
): string | undefined {
  if (need === undefined) return "forbidden";
  if (need.role === "anyone") return undefined;
  if (!hasRole(who.role, need.role) || (need.session && !who.session)) return "forbidden";
  if (who.scopes && !allowsScope(who.scopes, need.scopes ?? [])) return "forbidden";
  return need.fresh && !who.fresh ? "confirmation_needed" : undefined;
}

it("has a line in the table for every route of the router, and no other", () => {
  expect(Object.keys(ACCESS).toSorted()).toEqual(routes);
  expect(routes.length).toBeGreaterThan(40);
});

it("is closed where the table is silent", async () => {
  const { "GET /v1/models": need } = ACCESS;
  // Read-only to the program; here a route loses its line.
  const table = ACCESS as Record<string, Need>;
  try {
    delete table["GET /v1/models"];
    expect(await keptOut("GET /v1/models", bearer(owner.apiKey))).toBe("forbidden");
  } finally {
    if (need) table["GET /v1/models"] = need;
  }
});

it("lets nobody in without credentials but where that is meant", async () => {
  const open: string[] = [];
  for (const route of routes) if ((await keptOut(route, {})) === undefined) open.push(route);
  expect(open).toEqual(OPEN);
  expect(routes.filter((route) => ACCESS[route]?.role === "owner")).toEqual(OWNERS);
});

describe.each([
  ["viewer", true],
  ["member", true],
  ["owner", true],
  ["owner", false],
] as const)("a session of a %s (confirmed: %s)", (role, fresh) => {
  it("reaches what the table says", async () => {
    for (const route of routes) {
      const cookie = await insertSession(people[role] ?? "", fresh ? Date.now() : 0);
      const result = await keptOut(route, { cookie });
      expect({ route, result }).toEqual({ route, result: expected(ACCESS[route], { role, session: true, fresh }) });
    }
  });
});

describe.each([
  ["owner's key", "owner", "admin"],
  ["owner's inference key", "owner", "inference"],
  ["owner's monitoring key", "owner", "agents:read"],
  ["member's widest key", "member", "admin"],
] as const)("the %s", (name, role, scope) => {
  it("reaches what the table says", async () => {
    for (const route of routes) {
      const result = await keptOut(route, bearer(keys[name] ?? ""));
      expect({ route, result }).toEqual({
        route,
        result: expected(ACCESS[route], { role, session: false, fresh: true, scopes: [scope] }),
      });
    }
  });
});

it("takes ways in from its own pages only", async () => {
  for (const [route] of Object.entries(ACCESS).filter(([, need]) => need.page)) {
    for (const headers of [{ origin: "https://evil.test" }, { "sec-fetch-site": "cross-site" }]) {
      expect({ route, result: await keptOut(route, headers) }).toEqual({ route, result: "forbidden" });
    }
  }
});
