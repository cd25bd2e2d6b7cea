import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { edgeDocument } from "../../edge/openapi.ts";
import { OLLAMA_PATHS } from "../../shared/api/dialect.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { IMPORT_LIMITS } from "../../shared/sessions/import/limits.ts";
import { QUESTION } from "./support/chat.ts";
import { bearer, insertKey, ORIGIN, type Owner, request, setUp } from "./support/edge.ts";

/** Routes with limits of their own. */
const LARGER: Record<string, number> = { "post /api/sessions/import": IMPORT_LIMITS.bodyBytes };

/** A good body for every route of the document that takes one: a route without an entry fails below. */
const BODIES: Record<string, Record<string, unknown>> = {
  "post /v1/chat/completions": {
    ...QUESTION,
    stream: false,
    temperature: 1,
    top_p: 1,
    max_tokens: 4,
    stop: ["x"],
    seed: 1,
    n: 1,
    tools: [],
    stream_options: null,
  },
  "post /v1/embeddings": { model: "m", input: "x", dimensions: 1, truncate: true, user: "x" },
  "post /v1/completions": { model: "m", prompt: "x", max_tokens: 4, stream: false },
  "post /v1/conversations": { metadata: {} },
  "post /v1/conversations/{id}": { metadata: {} },
  "post /v1/conversations/{id}/items": { items: [{ role: "user", content: "x" }] },
  "post /v1/batches": { input_file_id: "file-x", endpoint: "/v1/responses", completion_window: "24h" },
  "post /v1/responses": { model: "m", input: "x", store: false, stream: false, max_output_tokens: 16 },
  "post /api/jobs": {
    request: { model: "m", messages: [{ role: "user", content: "x" }] },
    priority: "low",
    deadlineSeconds: 3600,
  },
  "post /api/webhooks": { url: "https://hooks.test/x" },
  "post /api/hooks": {
    name: "x",
    session: null,
    prompt: "x",
    signature: "github",
    secret: "x".repeat(16),
    locale: "en",
  },
  "patch /api/hooks/{id}": { name: "x", paused: true },
  "post /api/hooks/{id}/secret": { secret: "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4" },
  "post /api/schedules": {
    title: "x",
    prompt: "x",
    model: "m",
    maxTokens: 1,
    cron: "0 8 * * *",
    timeZone: "UTC",
    toSession: true,
    sessionId: null,
    webhookId: null,
  },
  "patch /api/schedules/{id}": { title: "x", paused: true },
  "post /api/sessions": { title: "x", settings: { window: 8 } },
  "post /api/sessions/import": {
    sessions: [
      {
        from: { kind: "claude", id: "c1" },
        title: "x",
        createdAtMs: 1,
        updatedAtMs: 1,
        settings: {},
        turns: [{ createdAtMs: 1, messages: [{ role: "user", content: "hi" }], model: "", state: "cancelled" }],
      },
    ],
  },
  "post /api/sessions/{id}/turns": {
    content: "x",
    stream: false,
    temperature: 1,
    max_tokens: 4,
    model: "m",
    window: 8,
    summary: "auto",
    retrieval: "off",
    memory: "on",
    instructions: "x",
  },
  "post /api/mcp-servers": {
    name: "x",
    from: { kind: "remote", url: "https://mcp.test/" },
    digest: "0".repeat(64),
    bearer: "x",
  },
  "post /api/mcp-servers/look": { from: { kind: "machine", agentId: "x", server: "files" } },
  "patch /api/mcp-servers/{name}": { enabled: true },
  "post /api/mcp-sign-ins": { name: "notes", url: "https://mcp.example/mcp" },
  "post /api/approvals/{id}": { decision: "allow", hash: "0".repeat(64) },
  "post /api/sessions/{id}/regenerate": { temperature: 1, window: 8 },
  "patch /api/sessions/{id}": { title: "x", settings: {} },
  "post /api/sessions/{id}/fork": { upTo: 1 },
  "put /api/session-settings": {
    window: 8,
    summary: "auto",
    retrieval: "off",
    memory: "on",
    instructions: "x",
    model: "m",
    maxTokens: 1,
    temperature: 1,
  },
  "post /api/memory": { text: "x" },
  "patch /api/memory/{id}": { text: "x" },
  "put /api/dispatch": { replay: "on" },
  "post /api/setup": { token: "x", name: "x" },
  "post /api/keys": {
    name: "x",
    scopes: ["inference"],
    expiresInDays: 1,
    models: ["m*"],
    priority: "low",
    limits: { requestsPerMinute: 1 },
  },
  "patch /api/keys/{id}": { name: "x", models: null, priority: "high", limits: { tokensPerDay: 1 } },
  "patch /api/agents/{id}": { name: "x" },
  "post /api/agents/{id}/leave": { time: Date.now(), signature: "A".repeat(86) },
  "post /api/pairing-codes": {},
  "post /api/sign-in-links": {},
  "put /api/market/publisher": { name: "x" },
  "post /api/market/namespaces": { namespace: "x" },
  "post /api/market/publisher-keys": {
    publicKey: "A".repeat(43),
    name: "x",
    challenge: "x",
    signature: "A".repeat(86),
  },
  "post /api/market/versions/{id}/submit": { official: false },
  "post /api/market/versions/{id}/yank": { words: "x" },
  "post /api/market/versions/{id}/restore": { words: "x" },
  "post /api/market/desk/{id}/decision": { decision: "approve", words: "x" },
  "post /api/market/desk/{id}/revoke": { reason: "malware", words: "x" },
  "post /api/market/plugins/{publisher}/{name}/reports": { version: "1.0.0", reason: "other", words: "x" },
  "post /api/market/plugins/{publisher}/{name}/reports/settle": { decision: "show" },
  "post /api/market/purchases": { plugin: "@ada/weather" },
  "post /api/market/payouts": { currency: "EUR" },
  "patch /api/market/payouts": { automatic: true },
  "post /api/market/bad-hashes": { hashes: ["ab".repeat(32)], words: "x" },
  "put /api/market/roles/{id}": { role: "reviewer" },
  "put /api/market/publishers/{id}/official": { official: true },
  "post /api/plugins": { hash: "0".repeat(64), permissions: {}, newSigner: false },
  "post /api/plugins/updates": { plugin: "@ada/weather" },
  "post /api/plugins/{publisher}/{name}/update": { hash: "0".repeat(64), permissions: {}, newSigner: false },
  "post /api/plugins/{publisher}/{name}/rollback": { hash: "0".repeat(64) },
  "patch /api/plugins/{publisher}/{name}/updates": { updates: "pinned" },
  "patch /api/plugins/{publisher}/{name}": { enabled: true },
  "put /api/plugins/{publisher}/{name}/secrets/{secret}": { value: "x" },
  "post /api/plugins/{publisher}/{name}/call": { tool: "x", input: {}, locale: "en", timeZone: "UTC" },
  "put /api/market/trust": { root: "x" },
  "post /j/{code}": { publicKey: "A".repeat(43), name: "x", signature: "A".repeat(86) },
};

const document = edgeDocument(ORIGIN);
const routes = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, { security?: unknown[]; requestBody?: object }>).map(
    ([method, operation]) => ({
      name: `${method} ${path}`,
      method: method.toUpperCase(),
      path: path.replace("{code}", "c".repeat(22)).replace("{model}", "m").replace("{id}", "i"),
      open: operation.security?.length === 0,
      takesBody: operation.requestBody !== undefined,
    }),
  ),
);
/** Routes in others' dialects, and one that takes a form, read as those do: their own tests hold them to that. */
const isForeign = (path: string): boolean =>
  OLLAMA_PATHS.includes(path) || path.startsWith("/v1/messages") || path === "/v1/files";
/** Asks who it is before it reads anything: its own test holds it to the rest. */
const CLOSED_FIRST = "post /api/agents/{id}/backup";
/** Takes bytes, not JSON; or JSON that is signed as it is. */
const BYTES = [
  "post /api/market/payments/webhook",
  "post /hooks/{id}",
  "post /api/market/packages",
  "post /api/plugins/inspect",
];
const withBody = routes.filter(
  ({ name, takesBody, path }) => takesBody && !isForeign(path) && name !== CLOSED_FIRST && !BYTES.includes(name),
);
const closed = routes.filter(({ open }) => !open);

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

async function send(route: (typeof routes)[number], body: BodyInit | undefined, headers: Record<string, string> = {}) {
  const withType = body === undefined ? {} : { "content-type": "application/json" };
  return await request(route.path, {
    method: route.method,
    headers: { ...bearer(owner.apiKey), ...withType, ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

/** Every refusal has the one shape, names its request, and holds nothing of our insides. */
async function expectRefusal(
  response: Response,
  status: number,
  code?: string,
  param?: string,
  foreign = false,
): Promise<void> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{8,}$/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  // Checked field by field below. In Ollama's dialect the error is its sentence.
  const body = JSON.parse(text) as { error: Record<string, unknown> | string; code?: string };
  const error = typeof body.error === "string" ? { message: body.error, code: body.code } : body.error;
  if (!foreign) expect(Object.keys(error).toSorted()).toEqual(["code", "message", "param", "type"]);
  expect(error.message).toMatch(/^[A-Z].*\.$/s);
  expect(text).not.toMatch(/\bat \S+ \(|\.ts:\d|node_modules|ZodError|SQLITE/);
  if (code !== undefined) expect(error.code).toBe(code);
  if (param !== undefined) expect(error.param).toBe(param);
}

it("has a body to try for every route that takes one", () => {
  expect(withBody.map(({ name }) => name).toSorted()).toEqual(Object.keys(BODIES).toSorted());
  expect(routes.length).toBeGreaterThan(9);
});

describe.each(withBody)("$name", (route) => {
  const good = BODIES[route.name] ?? {};

  it("refuses another content type", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]) {
      await expectRefusal(
        await send(route, JSON.stringify(good), { "content-type": type }),
        415,
        "unsupported_media_type",
      );
    }
  });

  it("refuses what is not JSON", async () => {
    for (const text of ["{", "nonsense", '{"a":1}}', "'x'"])
      await expectRefusal(await send(route, text), 400, "invalid_json");
    await expectRefusal(await send(route, new Uint8Array([0x22, 0xff, 0x22])), 400, "invalid_json");
  });

  it("refuses JSON that is not an object", async () => {
    for (const text of ["[]", "null", "1", '"x"']) await expectRefusal(await send(route, text), 400, "invalid_request");
  });

  it("refuses JSON that is too deep, and as deep as is allowed gets further", async () => {
    const deepest = (depth: number): unknown => (depth === 1 ? [] : [deepest(depth - 1)]);
    const nested = (depth: number) => JSON.stringify({ ...good, deep: deepest(depth - 1) });
    await expectRefusal(await send(route, nested(API_LIMITS.jsonDepth + 1)), 400, "json_too_deep");
    await expectRefusal(await send(route, nested(API_LIMITS.jsonDepth)), 400, "unknown_parameter", "deep");
    await expectRefusal(await send(route, "[".repeat(1_000_000)), 400, "json_too_deep");
  });

  it("refuses a body over the limit, announced or not", async () => {
    const limitBytes = LARGER[route.name] ?? API_LIMITS.bodyBytes;
    const large = new TextEncoder().encode(`{"x":"${"a".repeat(limitBytes)}"}`);
    await expectRefusal(await send(route, large), 413, "body_too_large");
    const unannounced = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20)),
    });
    await expectRefusal(await send(route, unannounced), 413, "body_too_large");
  });

  it("refuses unknown fields by name", async () => {
    const response = await send(route, JSON.stringify({ ...good, isOwner: true }));
    await expectRefusal(response, 400, "unknown_parameter", "isOwner");
  });

  it.each(Object.keys(good))("refuses a wrong type in %s", async (field) => {
    const wrong = typeof good[field] === "object" ? 7 : { wrong: "type" };
    const response = await send(route, JSON.stringify({ ...good, [field]: wrong }));
    await expectRefusal(response, 400, "invalid_request", field);
  });
});

describe.each(routes)("$name", (route) => {
  it("refuses other methods and says which it takes", async () => {
    const response = await send({ ...route, method: "PURGE" }, undefined);
    expect(response.headers.get("allow")).toContain(route.method);
    await expectRefusal(response, 405, "method_not_allowed", undefined, isForeign(route.path));
  });

  it("refuses headers over the limit", async () => {
    const response = await send(route, undefined, { "x-large": "a".repeat(API_LIMITS.headerBytes) });
    await expectRefusal(response, 431, "headers_too_large", undefined, isForeign(route.path));
  });
});

describe.each(closed)("$name without a good key", (route) => {
  const body = route.takesBody ? JSON.stringify(BODIES[route.name]) : undefined;

  it.each([
    ["no key", ""],
    ["only the word", "Bearer"],
    ["another scheme", "Basic cGxrOnBsaw=="],
    ["a key of the right shape that nobody has", `Bearer plk_live_${"a".repeat(36)}`],
  ])("refuses %s", async (_name, authorization) => {
    await expectRefusal(
      await send(route, body, { authorization }),
      401,
      "invalid_api_key",
      undefined,
      isForeign(route.path),
    );
  });

  it("refuses a key that was revoked before it was ever seen here", async () => {
    const key = await insertKey(owner.accountId, "admin");
    await env.DB.prepare("UPDATE api_keys SET revoked_at = 1 WHERE prefix = ?").bind(key.slice(0, 13)).run();
    await expectRefusal(await send(route, body, bearer(key)), 401, "invalid_api_key", undefined, isForeign(route.path));
  });
});

it("answers unknown addresses in the same shape", async () => {
  for (const path of ["/v1/nothing", "/api/nothing", "/nothing"]) {
    const response = await request(path, { headers: bearer(owner.apiKey) });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "not_found" } });
  }
});
