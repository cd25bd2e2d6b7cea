import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { app } from "../../../edge/app.ts";
import { checkPassword, hashPassword } from "../../../edge/credentials/password.ts";
import { ATTEMPT_LIMITS } from "../../../edge/credentials/limits.ts";
import { fromPage, statusesOf } from "../support/edge.ts";
import { cookieOf, forgetAttempts, LOCAL, type Person, setUpOwner } from "../support/people.ts";

const PASSWORD = "correct horse battery";
let owner: Person;
beforeAll(async () => {
  owner = await setUpOwner();
});
beforeEach(forgetAttempts);

/** A request to an edge that takes passwords, unlike the configured one. */
async function send(method: string, path: string, body: unknown, cookie = "", passwords = "on"): Promise<Response> {
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  return await app.request(
    LOCAL + path,
    {
      method,
      headers: { ...fromPage(cookie, LOCAL), "content-type": "application/json" },
      body: JSON.stringify(body),
    },
    { ...env, PASSWORDS: passwords },
    context,
  );
}

const signIn = (name: string, password: string) => send("POST", "/api/sign-in/password", { name, password });

it("hashes with a salt, and checks what it made", async () => {
  const hash = await hashPassword(PASSWORD);
  expect(hash).toMatch(/^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  expect(await checkPassword(PASSWORD, hash)).toBe(true);
  expect(await checkPassword(`${PASSWORD}.`, hash)).toBe(false);
  expect(await checkPassword("", null)).toBe(false);
});

it("signs in by name and password, but not for dangerous things while there is a passkey", async () => {
  expect((await send("PUT", "/api/account/password", { password: "short" }, owner.cookie)).status).toBe(400);
  expect((await send("PUT", "/api/account/password", { password: PASSWORD }, owner.cookie)).status).toBe(200);
  const entered = await signIn("aDA", PASSWORD);
  expect(entered.status).toBe(200);
  const cookie = cookieOf(entered);
  expect((await send("PATCH", "/api/account", { name: "Ada" }, cookie)).status).toBe(200);
  expect((await send("POST", "/api/invitations", { role: "owner" }, cookie)).status).toBe(403);
});

it("does not say which of name and password was wrong, and locks a name from wherever it is tried", async () => {
  const texts = new Set<string>();
  const tries = await Promise.all([signIn("Ada", "wrong password"), signIn("Nobody", "wrong password")]);
  for (const response of tries) texts.add((await response.text()).replace(/"request_id":"[^"]*"/, ""));
  expect(statusesOf(tries)).toEqual([401, 401]);
  expect(texts.size).toBe(1);
  await env.DB.prepare("UPDATE attempts SET count = ? WHERE bucket LIKE 'name:%'")
    .bind(ATTEMPT_LIMITS.name.count)
    .run();
  await env.DB.prepare("DELETE FROM attempts WHERE bucket LIKE 'address:%'").run();
  const locked = await signIn("ada", PASSWORD);
  expect(locked.status).toBe(429);
  expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(60);
});

it("is not taken where the edge has it off", async () => {
  const off = await send("POST", "/api/sign-in/password", { name: "Ada", password: PASSWORD }, "", "off");
  expect(off.status).toBe(403);
});
