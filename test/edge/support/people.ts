import { env } from "cloudflare:workers";
import { randomSecret, hashSecret } from "../../../edge/credentials/secret.ts";
import { type Bend, SoftwareAuthenticator } from "./authenticator.ts";
import { fromPage, request } from "./edge.ts";

/** Passkeys belong to a configured origin, or to this one. */
export const LOCAL = "http://localhost:8787";

/** What a page at LOCAL sends; without a cookie for a visitor. */
export async function fromLocalPage(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await request(LOCAL + path, {
    method,
    headers: { origin: LOCAL, "sec-fetch-site": "same-origin", "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** The Cookie header of a session that is put straight into the database. */
export async function insertSession(userId: string, confirmedAt: number = Date.now()): Promise<string> {
  const secret = randomSecret(32);
  const now = Date.now();
  await env.DB.prepare(
    `INSERT INTO sessions (hash, id, user_id, method, user_agent, address, created_at, last_seen_at, expires_at, confirmed_at)
     VALUES (?, ?, ?, 'passkey', '', '', ?, ?, ?, ?)`,
  )
    .bind(await hashSecret(secret), crypto.randomUUID(), userId, now, now, now + 60_000, confirmedAt)
    .run();
  return `porchlight=${secret}`;
}

/** The Cookie header that an answer sets. */
export function cookieOf(response: Response): string {
  return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

export interface Person {
  cookie: string;
  authenticator: SoftwareAuthenticator;
  recoveryCodes: string[];
}

/** The owner, made in the browser. */
export async function setUpOwner(name = "Ada"): Promise<Person> {
  const token = env.SETUP_TOKEN;
  const options = await fromLocalPage("POST", "/api/setup/options", { token, name });
  const authenticator = new SoftwareAuthenticator(LOCAL);
  const response = await authenticator.create(await options.json());
  const made = await fromLocalPage("POST", "/api/setup/passkey", { token, passkeyName: "Laptop", response });
  if (made.status !== 201) throw new Error(`set-up answered ${made.status}: ${await made.text()}`);
  const { recoveryCodes } = await made.json<{ recoveryCodes: string[] }>();
  return { cookie: cookieOf(made), authenticator, recoveryCodes };
}

/** Somebody who takes an invitation of the owner. */
export async function join(owner: Person, role: string, name: string): Promise<Person> {
  const invited = await as(owner, "POST", "/api/invitations", { role });
  const { url } = await invited.json<{ url: string }>();
  const code = url.split("/").at(-1) ?? "";
  const options = await fromLocalPage("POST", "/api/join/options", { code, name });
  const authenticator = new SoftwareAuthenticator(LOCAL);
  const response = await authenticator.create(await options.json());
  const joined = await fromLocalPage("POST", "/api/join", { code, passkeyName: "Phone", response });
  if (joined.status !== 201) throw new Error(`joining answered ${joined.status}: ${await joined.text()}`);
  const { recoveryCodes } = await joined.json<{ recoveryCodes: string[] }>();
  return { cookie: cookieOf(joined), authenticator, recoveryCodes };
}

/** A request by a person's page. */
export async function as(person: { cookie: string }, method: string, path: string, body?: unknown): Promise<Response> {
  return await fromLocalPage(method, path, body, fromPage(person.cookie, LOCAL));
}

/** Signs in by passkey. */
export async function signInWith(authenticator: SoftwareAuthenticator, bend: Bend = {}): Promise<Response> {
  const options = await fromLocalPage("POST", "/api/sign-in/options");
  const response = await authenticator.get(await options.json(), bend);
  return await fromLocalPage("POST", "/api/sign-in", { response });
}

/** Moves a session's proof of presence into the past. */
export async function letConfirmationLapse(): Promise<void> {
  await env.DB.prepare("UPDATE sessions SET confirmed_at = 0").run();
}

/** Lets go of all counted tries: a test of its own counts them. */
export async function forgetAttempts(): Promise<void> {
  await env.DB.prepare("DELETE FROM attempts").run();
}

export async function auditActions(): Promise<string[]> {
  const rows = await env.DB.prepare("SELECT action FROM audit_log ORDER BY id").all<{ action: string }>();
  return rows.results.map(({ action }) => action);
}
