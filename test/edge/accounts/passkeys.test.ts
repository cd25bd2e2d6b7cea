import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SoftwareAuthenticator } from "../support/authenticator.ts";
import { errorOf, request, statusesOf } from "../support/edge.ts";
import {
  as,
  auditActions,
  cookieOf,
  forgetAttempts,
  fromLocalPage,
  letConfirmationLapse,
  LOCAL,
  type Person,
  signInWith,
} from "../support/people.ts";

let owner: Person;
const token = env.SETUP_TOKEN;

beforeAll(async () => {
  // Three browsers at once, each with a ceremony of its own that is good.
  const ready = await Promise.all(
    ["Ada", "Bob", "Cy"].map(async (name) => {
      const options = await fromLocalPage("POST", "/api/setup/options", { token, name });
      const authenticator = new SoftwareAuthenticator(LOCAL);
      return { authenticator, response: await authenticator.create(await options.json()) };
    }),
  );
  const answers = await Promise.all(
    ready.map(({ response }) =>
      fromLocalPage("POST", "/api/setup/passkey", { token, passkeyName: "Laptop", response }),
    ),
  );
  expect(statusesOf(answers)).toEqual([201, 409, 409]);
  const won = answers.findIndex(({ status }) => status === 201);
  const { authenticator } = ready[won] ?? {};
  const answer = answers[won];
  if (!authenticator || !answer) throw new Error("nobody won");
  const { recoveryCodes } = await answer.json<{ recoveryCodes: string[] }>();
  owner = { authenticator, cookie: cookieOf(answer), recoveryCodes };
});
beforeEach(forgetAttempts);

describe("set-up in the browser", () => {
  it("made one owner with one passkey, of three at once", async () => {
    const users = await env.DB.prepare("SELECT role FROM users").all();
    const passkeys = await env.DB.prepare("SELECT transports, backed_up FROM passkeys").all();
    expect(users.results).toEqual([{ role: "owner" }]);
    expect(passkeys.results).toEqual([{ transports: '["internal"]', backed_up: 0 }]);
    expect((await as(owner, "GET", "/account")).status).toBe(200);
  });

  it("is over then, and never began with a wrong token", async () => {
    const late = await fromLocalPage("POST", "/api/setup/options", { token, name: "Eve" });
    expect((await errorOf(late)).code).toBe("already_set_up");
    const wrong = await fromLocalPage("POST", "/api/setup/options", { token: "x", name: "Eve" });
    expect((await errorOf(wrong)).code).toBe("invalid_setup_token");
    expect((await request(`${LOCAL}/setup`)).status).toBe(303);
  });
});

describe("signing in by passkey", () => {
  it("gives a session of its own, with a cookie that no script reads", async () => {
    const response = await signInWith(owner.authenticator);
    expect(response.status).toBe(200);
    expect(response.headers.get("set-cookie")).toMatch(/^porchlight=[\w-]{43}; .*HttpOnly; SameSite=Lax$/);
    expect((await as({ cookie: cookieOf(response) }, "GET", "/sessions")).status).toBe(200);
  });

  it("refuses an answer that comes a second time", async () => {
    const options = await fromLocalPage("POST", "/api/sign-in/options");
    const response = await owner.authenticator.get(await options.json());
    const both = await Promise.all([1, 2].map(() => fromLocalPage("POST", "/api/sign-in", { response })));
    expect(statusesOf(both)).toEqual([200, 401]);
    expect((await fromLocalPage("POST", "/api/sign-in", { response })).status).toBe(401);
  });

  it.each([
    ["without user verification", { userVerified: false }],
    ["of another origin", { origin: "http://localhost:9999" }],
    ["of a look-alike", { origin: "https://localhost.evil.test" }],
    ["of another type", { type: "webauthn.create" }],
    ["with a wrong signature", { badSignature: true }],
    ["for another person", { userHandle: "bm9ib2R5" }],
  ])("refuses an answer %s", async (_name, bend) => {
    const response = await signInWith(owner.authenticator, bend);
    expect(response.status).toBe(401);
    expect((await errorOf(response)).code).toBe("passkey_rejected");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect((await auditActions()).at(-1)).toBe("sign_in_refused");
  });

  it("refuses a challenge that it did not give, one of another kind, and one that is too old", async () => {
    const invented = await owner.authenticator.get({ challenge: "A".repeat(43), rpId: "localhost" });
    expect((await fromLocalPage("POST", "/api/sign-in", { response: invented })).status).toBe(401);
    const confirming = await (await as(owner, "POST", "/api/confirm/options")).json<{
      challenge: string;
      rpId: string;
    }>();
    const other = await owner.authenticator.get(confirming);
    expect((await fromLocalPage("POST", "/api/sign-in", { response: other })).status).toBe(401);
    const options = await fromLocalPage("POST", "/api/sign-in/options");
    const late = await owner.authenticator.get(await options.json());
    await env.DB.prepare("UPDATE ceremonies SET expires_at = 1").run();
    expect((await fromLocalPage("POST", "/api/sign-in", { response: late })).status).toBe(401);
  });

  it("refuses a passkey that nobody has, and what is no answer at all", async () => {
    const stranger = new SoftwareAuthenticator(LOCAL);
    await stranger.create({ challenge: "x".repeat(43), rp: { id: "localhost" }, user: { id: "bm9ib2R5" } });
    expect((await signInWith(stranger)).status).toBe(401);
    for (const response of [
      {},
      "x",
      { id: "a" },
      { ...(await stranger.get({ challenge: "y", rpId: "x" })), id: "é" },
    ]) {
      expect((await fromLocalPage("POST", "/api/sign-in", { response })).status).toBe(400);
    }
  });

  it("refuses a counter that does not grow, and writes it down: the authenticator may have been copied", async () => {
    expect((await signInWith(owner.authenticator, { counter: 1000 })).status).toBe(200);
    expect((await signInWith(owner.authenticator, { counter: 1000 })).status).toBe(401);
    expect((await signInWith(owner.authenticator, { counter: 999 })).status).toBe(401);
    expect((await signInWith(owner.authenticator, { counter: 0 })).status).toBe(401);
    expect((await auditActions()).filter((action) => action === "passkey_cloned")).toHaveLength(3);
    expect((await signInWith(owner.authenticator, { counter: 1001 })).status).toBe(200);
  });

  it("needs a configured origin, whatever Host says", async () => {
    for (const origin of [
      "https://edge.test",
      "http://evil.test",
      "http://192.168.1.7:8787",
      "https://localhost.evil.test",
    ]) {
      const headers = { origin, "sec-fetch-site": "same-origin" };
      const response = await request(`${origin}/api/sign-in/options`, { method: "POST", headers });
      expect({ origin, status: response.status }).toEqual({ origin, status: 403 });
    }
  });
});

describe("one's own passkeys", () => {
  async function add(person: Person, name: string): Promise<Response> {
    const options = await as(person, "POST", "/api/account/passkeys/options");
    const response = await new SoftwareAuthenticator(LOCAL).create(await options.json());
    return await as(person, "POST", "/api/account/passkeys", { name, response });
  }

  it("are added, renamed and removed, but never the last", async () => {
    const added = await add(owner, "Phone");
    expect(added.status).toBe(201);
    const { id } = await added.json<{ id: string }>();
    expect((await as(owner, "PATCH", `/api/account/passkeys/${id}`, { name: "Old phone" })).status).toBe(200);
    expect(await (await as(owner, "GET", "/account")).text()).toContain("Old phone");
    // Both at once: one stays.
    const removed = await Promise.all(
      [id, owner.authenticator.id].map((one) => as(owner, "DELETE", `/api/account/passkeys/${one}`)),
    );
    expect(statusesOf(removed)).toEqual([204, 409]);
    const left = await env.DB.prepare("SELECT count(*) AS n FROM passkeys").first();
    expect(left).toEqual({ n: 1 });
    await env.DB.prepare("UPDATE passkeys SET id = ?").bind(owner.authenticator.id).run();
  });

  it("refuse a ceremony that was begun for setting up, or by somebody else", async () => {
    const options = await as(owner, "POST", "/api/account/passkeys/options");
    const response = await new SoftwareAuthenticator(LOCAL).create(await options.json());
    await env.DB.prepare("UPDATE ceremonies SET subject = 'somebody'").run();
    expect((await as(owner, "POST", "/api/account/passkeys", { name: "x", response })).status).toBe(401);
  });

  it("ask for a fresh confirmation, which counts for this session alone", async () => {
    const other = { cookie: cookieOf(await signInWith(owner.authenticator, { counter: 5000 })) };
    await letConfirmationLapse();
    const refused = await as(owner, "POST", "/api/account/passkeys/options");
    expect((await errorOf(refused)).code).toBe("confirmation_needed");
    const options = await as(owner, "POST", "/api/confirm/options");
    const response = await owner.authenticator.get(await options.json(), { counter: 5001 });
    expect((await as(owner, "POST", "/api/confirm", { response })).status).toBe(200);
    expect((await as(owner, "POST", "/api/account/passkeys/options")).status).toBe(200);
    expect((await as(other, "POST", "/api/account/passkeys/options")).status).toBe(403);
    expect((await as(owner, "POST", "/api/confirm", { response })).status).toBe(401);
  });
});
