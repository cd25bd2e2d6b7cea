import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { useRemote } from "../../../edge/home/mcp/remote-server.ts";
import { ServerSignIns } from "../../../edge/home/mcp/sign-in/server-sign-ins.ts";
import { SignInTable } from "../../../edge/home/mcp/sign-in/sign-in-table.ts";
import { ORIGIN, request, setUp, signIn } from "../support/edge.ts";
import { letIn } from "../oauth/support.ts";

/** The server is this product's own edge, elsewhere: `/mcp` with its authorization server, over what stands in for the network. */
const URL_THERE = `${ORIGIN}/mcp`;
const CLIENT = { redirectUrl: "https://home.example/plugins/servers/callback", documentUrl: undefined };
let cookie: string;
const asked: string[] = [];
let answer: ((url: URL, init?: RequestInit) => Response | undefined) | undefined;

beforeAll(async () => {
  cookie = await signIn((await setUp()).apiKey);
});
beforeEach(async () => {
  asked.length = 0;
  answer = undefined;
  await env.DB.prepare("DELETE FROM attempts").run();
  await env.DB.prepare("UPDATE sessions SET confirmed_at = ?").bind(Date.now()).run();
  vi.stubGlobal("fetch", async (url: string | URL, init?: RequestInit) => {
    asked.push(String(url));
    return answer?.(new URL(url), init) ?? (await request(String(url), init));
  });
});
afterEach(() => vi.unstubAllGlobals());

interface World {
  signIns: ServerSignIns;
  sealed: Map<string, string>;
  later: (ms: number) => void;
}
async function inHome(name: string, use: (world: World) => Promise<void>): Promise<void> {
  await runInDurableObject(env.HOME.getByName(name), async (_, { storage: { sql } }) => {
    const sealed = new Map<string, string>();
    const key = (...parts: string[]) => JSON.stringify(parts);
    let aheadMs = 0;
    const signIns = new ServerSignIns({
      table: new SignInTable(sql),
      allowed: [],
      now: () => Date.now() + aheadMs,
      sealed: {
        get: async (...parts) => await Promise.resolve(sealed.get(key(...parts))),
        put: async (userId, of, part, value) => await Promise.resolve(void sealed.set(key(userId, of, part), value)),
        remove: (...parts) => void sealed.delete(key(...parts)),
      },
    });
    await use({ signIns, sealed, later: (ms) => (aheadMs += ms) });
  });
}

const answerOf = (back: URL) => {
  const { searchParams } = back;
  const field = (name: string) => searchParams.get(name) ?? undefined;
  return { state: field("state") ?? "", code: field("code"), error: field("error"), iss: field("iss") };
};
async function signedIn({ signIns }: World, userId = "ada"): Promise<void> {
  const page = new URL(await signIns.begin(userId, { name: "there", url: URL_THERE }, CLIENT));
  await signIns.finish(userId, answerOf(await letIn(cookie, page.search.slice(1))));
}
const list = async ({ signIns }: World, userId = "ada", url = URL_THERE): Promise<string[]> =>
  await useRemote(
    { url, bearer: undefined, tokens: signIns.tokensFor(userId, "there", url), allowed: [] },
    async (client) => (await client.tools()).map(({ name }) => name),
  );

describe("signing in at a server", () => {
  it("goes to its page and back, and its tools answer; for that person and that address alone", async () => {
    await inHome("sign-in-1", async (world) => {
      await expect(list(world)).rejects.toMatchObject({ code: "mcp_sign_in_needed" });
      await signedIn(world);
      expect(world.signIns.of("ada")).toEqual([{ name: "there", url: URL_THERE, state: "signed_in" }]);
      expect(await list(world)).toEqual([]);
      await expect(list(world, "bob")).rejects.toMatchObject({ code: "mcp_sign_in_needed" });
      asked.length = 0;
      let shown: string | null = "";
      answer = (url, init) => {
        if (url.host !== "other.example") return undefined;
        shown = new Headers(init?.headers).get("authorization");
        return new Response(null, { status: 401 });
      };
      await expect(list(world, "ada", "https://other.example/mcp")).rejects.toMatchObject({
        code: "mcp_sign_in_needed",
      });
      expect(shown).toBeNull();
    });
  });

  it("takes an answer once, in time, from whom it was begun with, and from the server that was asked", async () => {
    await inHome("sign-in-2", async (world) => {
      const { signIns, later } = world;
      const begin = async () => new URL(await signIns.begin("ada", { name: "there", url: URL_THERE }, CLIENT));
      const back = async () => answerOf(await letIn(cookie, (await begin()).search.slice(1)));
      const refused = { code: "mcp_sign_in_failed" };
      const good = await back();
      await expect(signIns.finish("bob", good)).rejects.toMatchObject(refused);
      await expect(signIns.finish("ada", { ...good, state: "there.forged" })).rejects.toMatchObject(refused);
      await expect(signIns.finish("ada", { ...good, state: "" })).rejects.toMatchObject(refused);
      await signIns.finish("ada", good);
      await expect(signIns.finish("ada", good)).rejects.toMatchObject(refused);
      await expect(signIns.finish("ada", { ...(await back()), iss: "https://evil.example" })).rejects.toMatchObject(
        refused,
      );
      await expect(signIns.finish("ada", { ...(await back()), iss: undefined })).rejects.toMatchObject(refused);
      await expect(signIns.finish("ada", { ...(await back()), error: "access_denied" })).rejects.toMatchObject(refused);
      await expect(signIns.finish("ada", { ...(await back()), code: "plo_code_wrong" })).rejects.toMatchObject(refused);
      const late = await back();
      later(16 * 60_000);
      await expect(signIns.finish("ada", late)).rejects.toMatchObject(refused);
      // One is under way at a time: whoever begins anew leaves the one before.
      const first = await begin();
      const second = answerOf(await letIn(cookie, (await begin()).search.slice(1)));
      const stale = answerOf(await letIn(cookie, first.search.slice(1)));
      await expect(signIns.finish("ada", stale)).rejects.toMatchObject(refused);
      await signIns.finish("ada", second);
      // A try that fails leaves the sign-in of before.
      expect(signIns.of("ada")).toMatchObject([{ state: "signed_in" }]);
    });
  });

  it("exchanges its token before it ends, once for many calls, and says when it cannot", async () => {
    await inHome("sign-in-3", async (world) => {
      await signedIn(world);
      world.later(3600_000 - 30_000);
      asked.length = 0;
      const all = await Promise.all([list(world), list(world), list(world), list(world)]);
      expect(all).toEqual([[], [], [], []]);
      expect(asked.filter((url) => url.endsWith("/oauth/token"))).toHaveLength(1);
      // The server forgets the token: it is exchanged on the way.
      await env.DB.prepare("DELETE FROM oauth_tokens WHERE kind = 'access'").run();
      vi.spyOn(Date, "now").mockReturnValue(Date.now() + 31_000);
      expect(await list(world)).toEqual([]);
      vi.restoreAllMocks();
      // For a moment it cannot be reached: nothing is lost.
      world.later(3600_000);
      answer = (url) => (url.pathname === "/oauth/token" ? new Response("", { status: 503 }) : undefined);
      await expect(list(world)).rejects.toMatchObject({ code: "mcp_unreachable" });
      expect(world.signIns.of("ada")).toMatchObject([{ state: "signed_in" }]);
      answer = undefined;
      expect(await list(world)).toEqual([]);
      await env.DB.prepare("DELETE FROM oauth_grants").run();
      world.later(3600_000);
      await expect(list(world)).rejects.toMatchObject({ code: "mcp_sign_in_needed" });
      expect(world.signIns.of("ada")).toMatchObject([{ state: "needed" }]);
      await signedIn(world);
      expect(await list(world)).toEqual([]);
      world.signIns.remove("ada", "there");
      expect([world.sealed.size, world.signIns.of("ada")]).toEqual([0, []]);
    });
  });

  it("asks no private address that a server names, follows it nowhere, and opens no page that runs something", async () => {
    const metadata = {
      issuer: "https://mcp.example",
      authorization_endpoint: "https://mcp.example/authorize",
      token_endpoint: "https://mcp.example/token",
      registration_endpoint: "https://mcp.example/register",
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
    };
    const client = { client_id: "c", redirect_uris: [CLIENT.redirectUrl] };
    const world =
      (over: { challenge?: string; servers?: string[]; metadata?: object; redirect?: string }) => (url: URL) => {
        if (over.redirect !== undefined && url.pathname.startsWith("/.well-known"))
          return Response.redirect(over.redirect, 302);
        if (url.host !== "mcp.example") return new Response("secrets", { status: 200 });
        if (url.pathname === "/mcp")
          return new Response(null, { status: 401, headers: { "www-authenticate": over.challenge ?? "Bearer" } });
        if (url.pathname.includes("oauth-protected-resource"))
          return Response.json({
            resource: "https://mcp.example/mcp",
            authorization_servers: over.servers ?? ["https://mcp.example"],
          });
        if (url.pathname.includes("oauth-authorization-server"))
          return Response.json({ ...metadata, ...over.metadata });
        if (url.pathname === "/register") return Response.json(client, { status: 201 });
        return new Response(null, { status: 404 });
      };
    await inHome("sign-in-4", async ({ signIns }) => {
      const begin = async () => await signIns.begin("ada", { name: "x", url: "https://mcp.example/mcp" }, CLIENT);
      answer = world({});
      expect(await begin()).toMatch(/^https:\/\/mcp\.example\/authorize\?.*code_challenge_method=S256/);
      const hostile = [
        { challenge: 'Bearer resource_metadata="http://169.254.169.254/latest"' },
        { servers: ["http://127.0.0.1:8080"] },
        { servers: ["https://10.0.0.7"] },
        { metadata: { registration_endpoint: "https://192.168.0.1/register" } },
        { metadata: { authorization_endpoint: "javascript:alert(1)" } },
        { metadata: { authorization_endpoint: "https://router.local/authorize" } },
        { metadata: { authorization_endpoint: "https://bank.example@evil.example/" } },
        { metadata: { issuer: "https://elsewhere.example" } },
        { metadata: { code_challenge_methods_supported: ["plain"] } },
        { redirect: "http://169.254.169.254/latest" },
      ];
      for (const over of hostile) {
        asked.length = 0;
        answer = world(over);
        await begin().then(
          (page) => expect(page, JSON.stringify(over)).toMatch(/^https:\/\/mcp\.example\/authorize/),
          (error: unknown) =>
            expect(["mcp_sign_in_failed", "mcp_unreachable"]).toContain((error as { code: string }).code),
        );
        expect(
          asked.every((url) => new URL(url).host === "mcp.example" || url.startsWith("https://elsewhere")),
          JSON.stringify([over, asked]),
        ).toBe(true);
      }
      answer = () => new Response("x".repeat(300_000), { status: 401 });
      await expect(begin()).rejects.toThrow();
    });
  });
});
