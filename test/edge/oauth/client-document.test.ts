import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { clientOfDocument, isDocumentId } from "../../../edge/oauth/client-document.ts";
import { OAUTH_LIMITS } from "../../../edge/oauth/limits.ts";
import { setUp, signIn } from "../support/edge.ts";
import { exchange, letIn, queryOf, REDIRECT, showConsent } from "./support.ts";

const ID = "https://app.example/oauth/client.json";
const GOOD = { client_id: ID, client_name: "Notes", redirect_uris: [REDIRECT] };
const asked: string[] = [];
let answer: () => Response;
let cookie: string;
beforeAll(async () => {
  cookie = await signIn((await setUp()).apiKey);
});
beforeEach(() => {
  asked.length = 0;
  answer = () => Response.json(GOOD);
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return await Promise.resolve(answer());
  });
});
afterEach(() => vi.unstubAllGlobals());

it("a client that describes itself at its own address is let in by it, and its host is shown", async () => {
  const query = await queryOf(ID);
  const html = await (await showConsent(cookie, query)).text();
  expect(html).toContain("vouched for by app.example");
  const code = (await letIn(cookie, query)).searchParams.get("code") ?? "";
  expect((await exchange(ID, code)).status).toBe(200);
  answer = () => Response.json({ ...GOOD, redirect_uris: ["https://app.example/other"] });
  expect((await showConsent(cookie, query)).status).toBe(400);
});

it("is nobody where its document is another's, says what may not be, or cannot be had", async () => {
  const documents: unknown[] = [
    { ...GOOD, client_id: "https://app.example/oauth/other.json" },
    { ...GOOD, redirect_uris: [] },
    { ...GOOD, redirect_uris: [REDIRECT, "javascript:alert(1)"] },
    { ...GOOD, redirect_uris: Array(11).fill(REDIRECT) },
    { ...GOOD, token_endpoint_auth_method: "client_secret_basic" },
    { ...GOOD, grant_types: ["client_credentials"] },
    { ...GOOD, client_name: "x".repeat(OAUTH_LIMITS.documentBytes) },
    [],
    "text",
  ];
  for (const document of documents) {
    answer = () => Response.json(document);
    expect(await clientOfDocument(ID, []), JSON.stringify(document).slice(0, 200)).toBeUndefined();
  }
  const answers = [
    () => Response.redirect("http://169.254.169.254/", 302),
    () => new Response("{", { status: 200 }),
    () => new Response(null, { status: 404 }),
    () => {
      throw new TypeError("no such host");
    },
  ];
  for (const one of answers) {
    answer = one;
    expect(await clientOfDocument(ID, [])).toBeUndefined();
  }
});

it("no address that is not a public one's is asked", async () => {
  for (const id of [
    "https://127.0.0.1/client.json",
    "https://localhost/client.json",
    "https://10.1.2.3/client.json",
    "https://[fd00::1]/client.json",
    "https://router.local/client.json",
    "https://user@app.example/client.json",
    "https://app.example:22/client.json",
  ])
    expect(await clientOfDocument(id, []), id).toBeUndefined();
  for (const id of [
    "http://app.example/client.json",
    "https://app.example/",
    "https://app.example/a/../b",
    `${ID}#x`,
    "app",
  ])
    expect(isDocumentId(id), id).toBe(false);
  expect(asked).toEqual([]);
});
