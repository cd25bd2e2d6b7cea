import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CREDENTIAL_LIMITS } from "../../../edge/credentials/limits.ts";
import { SoftwareAuthenticator } from "../support/authenticator.ts";
import { errorOf, request, statusesOf } from "../support/edge.ts";
import { as, forgetAttempts, join, letConfirmationLapse, LOCAL, type Person, setUpOwner } from "../support/people.ts";

let owner: Person;
beforeAll(async () => {
  owner = await setUpOwner();
});
beforeEach(forgetAttempts);

/** Spelled out, not read from the access table: that one of them loses its second lock must take more than one edit. */
const GUARDED = [
  "POST /api/keys",
  "POST /api/sign-in-links",
  "POST /api/pairing-codes",
  "POST /api/invitations",
  "PATCH /api/members/i",
  "DELETE /api/members/i",
  "POST /api/account/passkeys/options",
  "POST /api/account/passkeys",
  "DELETE /api/account/passkeys/i",
  "POST /api/account/recovery-codes",
  "PUT /api/account/password",
  "DELETE /api/account/password",
  "POST /api/device-authorizations/i/approve",
];

describe("a session that was stolen", () => {
  it.each(GUARDED)("is not enough for %s", async (route) => {
    await letConfirmationLapse();
    const [method = "", path = ""] = route.split(" ");
    const response = await as(owner, method, path, method === "DELETE" ? undefined : {});
    expect({ status: response.status, code: (await errorOf(response)).code }).toEqual({
      status: 403,
      code: "confirmation_needed",
    });
  });

  it("cannot confirm itself, neither with a passkey of its thief nor with an old answer", async () => {
    await letConfirmationLapse();
    const thief = await join(await confirmed(owner), "member", "Eve");
    await letConfirmationLapse();
    const options = await as(owner, "POST", "/api/confirm/options");
    const response = await thief.authenticator.get(await options.json());
    const refused = await as(owner, "POST", "/api/confirm", { response });
    expect((await errorOf(refused)).code).toBe("passkey_rejected");
    const own = await as(thief, "POST", "/api/confirm/options");
    const answer = await thief.authenticator.get(await own.json());
    expect((await as(owner, "POST", "/api/confirm", { response: answer })).status).toBe(401);
    expect((await as(owner, "POST", "/api/invitations", { role: "owner" })).status).toBe(403);
  });

  it("ends where its person ends it, and is of no use as it lies in the database", async () => {
    const { results } = await env.DB.prepare("SELECT hash FROM sessions").all<{ hash: string }>();
    expect(results.length).toBeGreaterThan(0);
    for (const { hash } of results) {
      expect((await request(`${LOCAL}/account`, { headers: { cookie: `porchlight=${hash}` } })).status).toBe(401);
    }
  });
});

describe("what an owner gave out", () => {
  it("is worth nothing once they are no owner any more", async () => {
    await confirmed(owner);
    const second = await join(owner, "owner", "Bea");
    const make = async (path: string, body = {}) => {
      const made = await as(second, "POST", path, body);
      expect(made.status).toBe(201);
      return (await made.json<{ url: string }>()).url;
    };
    const invitation = await make("/api/invitations", { role: "owner" });
    const link = await make("/api/sign-in-links");
    await make("/api/pairing-codes");
    const row = await env.DB.prepare("SELECT id FROM users WHERE name = 'Bea'").first<{ id: string }>();
    expect((await request(invitation)).status).toBe(200);
    expect((await as(owner, "PATCH", `/api/members/${row?.id}`, { role: "viewer" })).status).toBe(200);
    expect((await request(invitation)).status).toBe(410);
    expect((await request(link)).status).toBe(410);
    const code = invitation.split("/").at(-1);
    const options = await as({ cookie: "" }, "POST", "/api/join/options", { code, name: "Bea again" });
    expect((await errorOf(options)).code).toBe("code_used_or_expired");
  });
});

describe("many at once", () => {
  it("get no more API keys than a person may have", async () => {
    await confirmed(owner);
    const user = await env.DB.prepare("SELECT id, account_id FROM users WHERE name = 'Ada'").first<{
      id: string;
      account_id: string;
    }>();
    const free = 3;
    const insert = env.DB.prepare(
      "INSERT INTO api_keys (id, account_id, hash, prefix, name, scope, created_at, user_id) VALUES (?1, ?2, ?1, '', 'k', 'inference', 1, ?3)",
    );
    await env.DB.batch(
      Array.from({ length: CREDENTIAL_LIMITS.keysPerPerson - free }, (_, i) =>
        insert.bind(`key ${i}`, user?.account_id, user?.id),
      ),
    );
    const made = await Promise.all(
      Array.from({ length: 12 }, () => as(owner, "POST", "/api/keys", { name: "one of many" })),
    );
    expect(statusesOf(made)).toEqual([...Array(free).fill(201), ...Array(12 - free).fill(409)]);
  });

  it("get no more passkeys than a person may have", async () => {
    await confirmed(owner);
    const ready = await Promise.all(
      Array.from({ length: CREDENTIAL_LIMITS.passkeys + 2 }, async () => {
        const options = await as(owner, "POST", "/api/account/passkeys/options");
        return await new SoftwareAuthenticator(LOCAL).create(await options.json());
      }),
    );
    const added = await Promise.all(
      ready.map((response) => as(owner, "POST", "/api/account/passkeys", { name: "x", response })),
    );
    // The one from setting up counts too.
    expect(added.filter(({ status }) => status === 201)).toHaveLength(CREDENTIAL_LIMITS.passkeys - 1);
    expect(added.filter(({ status }) => status === 400)).toHaveLength(3);
  });
});

/** The same person, who has just proved to be there. */
async function confirmed(person: Person): Promise<Person> {
  await env.DB.prepare("UPDATE sessions SET confirmed_at = ?").bind(Date.now()).run();
  return person;
}
