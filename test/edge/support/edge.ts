import { env, exports } from "cloudflare:workers";
import { createApiKey, shownPrefix } from "../../../edge/credentials/api-key.ts";
import { hashSecret } from "../../../edge/credentials/secret.ts";

export const ORIGIN = "https://edge.test";

/** A request to the Worker under test, over https unless `path` is a whole address. */
export async function request(path: string, init?: RequestInit): Promise<Response> {
  return await exports.default.fetch(new URL(path, ORIGIN).href, { redirect: "manual", ...init });
}

export interface Owner {
  accountId: string;
  apiKey: string;
}

/** The first account, made through the API. */
export async function setUp(): Promise<Owner> {
  const response = await postJson("/api/setup", { token: env.SETUP_TOKEN });
  const body = await response.json<{ account: { id: string }; apiKey: string }>();
  return { accountId: body.account.id, apiKey: body.apiKey };
}

export async function postJson(path: string, body: unknown, headers: HeadersInit = {}): Promise<Response> {
  return await request(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...Object.fromEntries(new Headers(headers)) },
    body: JSON.stringify(body),
  });
}

export function bearer(apiKey: string): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` };
}

/** Another key for a person, by default the first of the account, put straight into the database. */
export async function insertKey(accountId: string, scope: string, userId?: string): Promise<string> {
  const key = createApiKey();
  await env.DB.prepare(
    `INSERT INTO api_keys (id, account_id, hash, prefix, name, scope, created_at, user_id)
     VALUES (?, ?, ?, ?, 'test', ?, ?, coalesce(?, (SELECT id FROM users WHERE account_id = ?2 ORDER BY created_at)))`,
  )
    .bind(crypto.randomUUID(), accountId, await hashSecret(key), shownPrefix(key), scope, Date.now(), userId ?? null)
    .run();
  return key;
}

/** Another person of a household, with no way in. Returns the id. */
export async function insertUser(accountId: string, role: "owner" | "member" | "viewer"): Promise<string> {
  const id = crypto.randomUUID();
  await env.DB.prepare("INSERT INTO users (id, account_id, name, role, created_at) VALUES (?, ?, ?, ?, ?)")
    .bind(id, accountId, `${role} ${id}`, role, Date.now())
    .run();
  return id;
}

/** The Cookie header of a browser that used a sign-in link. */
export async function signIn(apiKey: string, origin: string = ORIGIN): Promise<string> {
  const link = await postJson(`${origin}/api/sign-in-links`, {}, bearer(apiKey));
  const { url } = await link.json<{ url: string }>();
  const response = await request(url);
  const [cookie] = (response.headers.get("set-cookie") ?? "").split(";");
  if (response.status !== 303 || !cookie) throw new Error(`signing in answered ${response.status}`);
  return cookie;
}

/** What a page of the edge sends along. */
export function fromPage(cookie: string, origin: string = ORIGIN): Record<string, string> {
  return { cookie, origin, "sec-fetch-site": "same-origin" };
}

export async function errorOf(response: Response): Promise<{ code: string; param: string | null; message: string }> {
  const { error } = await response.json<{ error: { code: string; param: string | null; message: string } }>();
  return error;
}

/** In ascending order: which of several requests at once came first does not matter. */
export function statusesOf(responses: Response[]): number[] {
  return responses.map(({ status }) => status).toSorted((a, b) => a - b);
}
