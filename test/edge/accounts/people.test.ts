import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ATTEMPT_LIMITS } from "../../../edge/credentials/limits.ts";
import { hashSecret } from "../../../edge/credentials/secret.ts";
import { database } from "../../../edge/store/database.ts";
import { purgeExpired } from "../../../edge/store/purge.ts";
import { SoftwareAuthenticator } from "../support/authenticator.ts";
import { bearer, errorOf, insertKey, request, statusesOf } from "../support/edge.ts";
import {
  as,
  auditActions,
  cookieOf,
  forgetAttempts,
  fromLocalPage,
  join,
  LOCAL,
  type Person,
  setUpOwner,
  signInWith,
} from "../support/people.ts";

let owner: Person;
let member: Person;
beforeAll(async () => {
  owner = await setUpOwner();
  member = await join(owner, "member", "Bea");
});
beforeEach(forgetAttempts);

async function userId(name: string): Promise<string> {
  const row = await env.DB.prepare("SELECT id FROM users WHERE name = ?").bind(name).first<{ id: string }>();
  return row?.id ?? "";
}

describe("invitations", () => {
  it("let one person in, of several at once", async () => {
    const invited = await as(owner, "POST", "/api/invitations", { role: "viewer" });
    const { url } = await invited.json<{ url: string }>();
    const code = url.split("/").at(-1) ?? "";
    expect(url).toMatch(/^http:\/\/localhost:8787\/join\/[\w-]{22}$/);
    expect((await request(url)).status).toBe(200);
    const ready = await Promise.all(
      ["One", "Two"].map(async (name) => {
        const options = await fromLocalPage("POST", "/api/join/options", { code, name });
        return await new SoftwareAuthenticator(LOCAL).create(await options.json());
      }),
    );
    const answers = await Promise.all(
      ready.map((response) => fromLocalPage("POST", "/api/join", { code, passkeyName: "x", response })),
    );
    expect(statusesOf(answers)).toEqual([201, 410]);
    expect((await request(url)).status).toBe(410);
    const viewers = await env.DB.prepare("SELECT count(*) AS n FROM users WHERE role = 'viewer'").first();
    expect(viewers).toEqual({ n: 1 });
    const stored = await env.DB.prepare("SELECT hash FROM invitations").all();
    expect(stored.results).toEqual([]);
  });

  it("give the role that the owner chose, whatever the guest asks for", async () => {
    const invited = await as(owner, "POST", "/api/invitations", { role: "viewer" });
    const code = (await invited.json<{ url: string }>()).url.split("/").at(-1);
    const wish = await fromLocalPage("POST", "/api/join/options", { code, name: "Eve", role: "owner" });
    expect((await errorOf(wish)).code).toBe("unknown_parameter");
  });

  it("keep a name from being taken twice, and stay good for another", async () => {
    const invited = await as(owner, "POST", "/api/invitations", { role: "viewer" });
    const code = (await invited.json<{ url: string }>()).url.split("/").at(-1);
    expect((await fromLocalPage("POST", "/api/join/options", { code, name: " BEA " })).status).toBe(409);
    expect((await fromLocalPage("POST", "/api/join/options", { code, name: "B\u200bea" })).status).toBe(400);
    expect((await fromLocalPage("POST", "/api/join/options", { code, name: "Dee" })).status).toBe(200);
  });

  it("give a name to one of two who take it at the same moment, and stay good for the other", async () => {
    const ready = await Promise.all(
      [1, 2].map(async () => {
        const invited = await as(owner, "POST", "/api/invitations", { role: "viewer" });
        const code = (await invited.json<{ url: string }>()).url.split("/").at(-1);
        const options = await fromLocalPage("POST", "/api/join/options", { code, name: "Twin" });
        return { code, response: await new SoftwareAuthenticator(LOCAL).create(await options.json()) };
      }),
    );
    const joins = await Promise.all(
      ready.map((body) => fromLocalPage("POST", "/api/join", { ...body, passkeyName: "x" })),
    );
    expect(statusesOf(joins)).toEqual([201, 409]);
    const left = await env.DB.prepare("SELECT count(*) AS n FROM invitations").first<{ n: number }>();
    expect(left?.n).toBeGreaterThanOrEqual(1);
    await env.DB.prepare("DELETE FROM users WHERE name = 'Twin'").run();
    await env.DB.prepare("DELETE FROM invitations").run();
  });

  it("can be withdrawn, and expire", async () => {
    const make = async () => {
      const { url } = await (await as(owner, "POST", "/api/invitations", { role: "viewer" })).json<{ url: string }>();
      const row = env.DB.prepare("SELECT id FROM invitations WHERE hash = ?");
      const hash = await hashSecret(url.split("/").at(-1) ?? "");
      return { url, id: (await row.bind(hash).first<{ id: string }>())?.id ?? "" };
    };
    const one = await make();
    expect((await as(member, "DELETE", `/api/invitations/${one.id}`)).status).toBe(403);
    expect((await as(owner, "DELETE", `/api/invitations/${one.id}`)).status).toBe(204);
    expect((await request(one.url)).status).toBe(410);
    const two = await make();
    await env.DB.prepare("UPDATE invitations SET expires_at = 1").run();
    expect((await request(two.url)).status).toBe(410);
  });

  it("are guessed a few times and no more", async () => {
    const guess = () => fromLocalPage("POST", "/api/join/options", { code: "c".repeat(22), name: "Eve" });
    const answers = await Promise.all(Array.from({ length: ATTEMPT_LIMITS.address.count + 5 }, guess));
    expect(statusesOf(answers).filter((status) => status === 429)).toHaveLength(5);
    const locked = await guess();
    expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(60);
  });
});

describe("recovery codes", () => {
  it("have 100 bits, sign in once, and are kept as hashes", async () => {
    const [code = ""] = owner.recoveryCodes;
    expect(owner.recoveryCodes).toHaveLength(10);
    expect(new Set(owner.recoveryCodes).size).toBe(10);
    expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}$/);
    const stored = await env.DB.prepare("SELECT hash FROM recovery_codes").all();
    expect(JSON.stringify(stored.results)).not.toContain(code);
    const typed = ` ${code.toLowerCase().replaceAll("-", " ").replaceAll("0", "o")}`;
    const both = await Promise.all([1, 2].map(() => fromLocalPage("POST", "/api/sign-in/recovery", { code: typed })));
    expect(statusesOf(both)).toEqual([200, 401]);
    expect(await auditActions()).toContain("recovery_code_used");
  });

  it("are all replaced by new ones", async () => {
    const made = await as(member, "POST", "/api/account/recovery-codes");
    const { recoveryCodes } = await made.json<{ recoveryCodes: string[] }>();
    const old = await fromLocalPage("POST", "/api/sign-in/recovery", { code: member.recoveryCodes[0] });
    expect((await errorOf(old)).code).toBe("sign_in_failed");
    const fresh = await fromLocalPage("POST", "/api/sign-in/recovery", { code: recoveryCodes[9] });
    expect(fresh.status).toBe(200);
  });
});

describe("sessions", () => {
  it("are one's own to list and to end", async () => {
    const other = { cookie: cookieOf(await signInWith(owner.authenticator)) };
    const id = await userId("Ada");
    const rows = await env.DB.prepare("SELECT id FROM sessions WHERE user_id = ? ORDER BY created_at DESC")
      .bind(id)
      .all<{ id: string }>();
    const session = rows.results[0]?.id ?? "";
    expect((await as(member, "DELETE", `/api/account/sessions/${session}`)).status).toBe(404);
    expect((await as(other, "GET", "/sessions")).status).toBe(200);
    expect((await as(owner, "DELETE", `/api/account/sessions/${session}`)).status).toBe(204);
    expect((await as(other, "GET", "/sessions")).status).toBe(401);
    const third = { cookie: cookieOf(await signInWith(owner.authenticator)) };
    expect((await as(owner, "DELETE", "/api/account/sessions")).status).toBe(204);
    expect((await as(third, "GET", "/sessions")).status).toBe(401);
    expect((await as(owner, "GET", "/sessions")).status).toBe(200);
    expect((await as(member, "GET", "/sessions")).status).toBe(200);
  });

  it("are not what an attacker planted: signing in makes a new id", async () => {
    const planted = { cookie: "porchlight=" + "A".repeat(43) };
    const options = await fromLocalPage("POST", "/api/sign-in/options");
    const response = await owner.authenticator.get(await options.json());
    const entered = await fromLocalPage("POST", "/api/sign-in", { response }, planted);
    expect(cookieOf(entered)).not.toBe(planted.cookie);
    expect((await as(planted, "GET", "/account")).status).toBe(401);
  });
});

describe("members", () => {
  it("change their role by the owner's hand, at once", async () => {
    const id = await userId("Bea");
    expect((await as(member, "PATCH", `/api/members/${id}`, { role: "owner" })).status).toBe(403);
    expect((await as(owner, "PATCH", `/api/members/${id}`, { role: "owner" })).status).toBe(200);
    expect((await as(member, "GET", "/audit")).status).toBe(200);
    expect((await as(owner, "PATCH", `/api/members/${id}`, { role: "member" })).status).toBe(200);
    expect((await as(member, "GET", "/audit")).status).toBe(403);
  });

  it("always have an owner, also if two leave at once", async () => {
    const [ada, bea] = await Promise.all(["Ada", "Bea"].map(userId));
    expect((await as(owner, "PATCH", `/api/members/${ada}`, { role: "viewer" })).status).toBe(409);
    expect((await as(owner, "DELETE", `/api/members/${ada}`)).status).toBe(409);
    await as(owner, "PATCH", `/api/members/${bea}`, { role: "owner" });
    const both = await Promise.all([
      as(owner, "PATCH", `/api/members/${bea}`, { role: "member" }),
      as(member, "PATCH", `/api/members/${ada}`, { role: "member" }),
    ]);
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    await env.DB.prepare("UPDATE users SET role = iif(name = 'Ada', 'owner', 'member')").run();
  });

  it("lose everything when they are removed", async () => {
    const gone = await join(owner, "member", "Gil");
    const id = await userId("Gil");
    const row = await env.DB.prepare("SELECT id FROM accounts").first<{ id: string }>();
    const key = await insertKey(row?.id ?? "", "inference", id);
    expect((await as(owner, "DELETE", `/api/members/${id}`)).status).toBe(204);
    expect((await as(gone, "GET", "/account")).status).toBe(401);
    expect((await signInWith(gone.authenticator)).status).toBe(401);
    expect((await request("/v1/models", { headers: bearer(key) })).status).toBe(401);
    expect((await fromLocalPage("POST", "/api/sign-in/recovery", { code: gone.recoveryCodes[0] })).status).toBe(401);
  });
});

it("writes every event down with who, where and how, and no secret", async () => {
  const rows = await env.DB.prepare("SELECT * FROM audit_log").all();
  const text = JSON.stringify(rows.results);
  for (const action of ["set_up", "invited", "joined", "signed_in", "role_changed", "member_removed"]) {
    expect(text).toContain(`"action":"${action}"`);
  }
  for (const secret of [...owner.recoveryCodes, owner.cookie.slice("porchlight=".length), env.SETUP_TOKEN ?? "?"]) {
    expect(text).not.toContain(secret);
  }
  const page = await (await as(owner, "GET", "/audit")).text();
  expect(page).toContain("joined the household");
});

it("throws away what has expired and nothing else", async () => {
  await fromLocalPage("POST", "/api/sign-in/options");
  await as(owner, "POST", "/api/invitations", { role: "viewer" });
  const count = async () => {
    const tables = ["sessions", "ceremonies", "invitations", "attempts", "audit_log", "users", "passkeys"];
    const rows = await Promise.all(
      tables.map((table) => env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<{ n: number }>()),
    );
    return rows.map((row) => row?.n ?? 0);
  };
  const before = await count();
  expect(before.every((n) => n > 0)).toBe(true);
  await purgeExpired(database(env.DB), 1);
  expect(await count()).toEqual(before);
  await purgeExpired(database(env.DB), Date.now() + 1000 * 24 * 3600_000);
  expect((await count()).slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect((await count()).slice(5)).toEqual(before.slice(5));
});
