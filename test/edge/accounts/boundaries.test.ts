import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ACCESS } from "../../../edge/access/table.ts";
import { networkOf } from "../../../shared/network-of.ts";
import { relyingParty } from "../../../edge/credentials/relying-party.ts";
import type { AppEnv } from "../../../edge/env.ts";
import { describeUserAgent } from "../../../edge/pages/access/user-agent.ts";
import { API_LIMITS } from "../../../shared/api/limits.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { errorOf, fromPage, request } from "../support/edge.ts";
import { forgetAttempts, insertSession, LOCAL, setUpOwner } from "../support/people.ts";

let userId: string;
beforeAll(async () => {
  await setUpOwner();
  userId = (await env.DB.prepare("SELECT id FROM users").first<{ id: string }>())?.id ?? "";
});
beforeEach(forgetAttempts);

/** Routes that pages send bodies to. */
const withBody = Object.entries(ACCESS)
  .filter(([route, { session, page }]) => (session ?? page) && /^(?:POST|PUT|PATCH) /.test(route))
  .map(([route]) => route);

async function send(route: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const [method = "", path = ""] = route.split(" ");
  const cookie = await insertSession(userId);
  return await request(LOCAL + path.replace(":id", "i"), {
    method,
    headers: { ...fromPage(cookie, LOCAL), "content-type": "application/json", ...headers },
    body,
  });
}

it("knows the routes that pages send to", () => {
  expect(withBody.length).toBeGreaterThan(15);
});

// Forms of pages that work without a script are tried where those pages are.
describe.each(withBody.filter((route) => route.includes(" /api/")))("%s", (route) => {
  it("takes one small JSON object of the fields it knows, and nothing else", async () => {
    const tries: [string, Record<string, string>, number, string][] = [
      ["{}", { "content-type": "text/plain" }, 415, "unsupported_media_type"],
      ["{}", { "content-type": "application/x-www-form-urlencoded" }, 415, "unsupported_media_type"],
      ["{", {}, 400, "invalid_json"],
      ["[]", {}, 400, "invalid_request"],
      ['{"__proto__":{"role":"owner"},"scopes":["owner"]}', {}, 400, "unknown_parameter"],
      ["[".repeat(100_000), {}, 400, "json_too_deep"],
      [`{"x":"${"a".repeat(API_LIMITS.bodyBytes)}"}`, {}, 413, "body_too_large"],
      ["{}", { "x-large": "a".repeat(API_LIMITS.headerBytes) }, 431, "headers_too_large"],
    ];
    for (const [body, headers, status, code] of tries) {
      const response = await send(route, body, headers);
      const error = await errorOf(response);
      const seen = { body: body.slice(0, 30), status: response.status, code: error.code };
      // A missing field may be named before an unknown one.
      if (code === "unknown_parameter") expect(["unknown_parameter", "invalid_request"]).toContain(error.code);
      else expect(seen).toEqual({ body: body.slice(0, 30), status, code });
    }
  });
});

describe.each(withBody)("%s", (route) => {
  it("is not for another site that has the cookie sent along", async () => {
    for (const headers of [
      { origin: "https://evil.test" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ]) {
      expect((await send(route, "{}", headers)).status).toBe(403);
    }
  });
});

describe("the relying party", () => {
  async function partyAt(url: string, publicOrigin: string): Promise<unknown> {
    const app = new Hono<AppEnv>();
    app.get("*", (c) => c.json(relyingParty(c)));
    app.onError((error, c) => c.json(PorchlightError.from(error).code));
    const response = await app.request(url, {}, { ...env, PUBLIC_ORIGIN: publicOrigin });
    return await response.json();
  }

  it("comes from the configuration, never from Host", async () => {
    const configured = { id: "porch.example", origin: "https://porch.example" };
    expect(await partyAt("https://evil.test/", "https://porch.example/")).toEqual(configured);
    expect(await partyAt("http://localhost:1/", "https://porch.example")).toEqual(configured);
    expect(await partyAt("https://evil.test/", "")).toBe("origin_not_configured");
    expect(await partyAt("http://127.0.0.1:8787/", "")).toBe("origin_not_configured");
    expect(await partyAt("http://x/", "http://porch.example")).toBe("origin_not_configured");
    expect(await partyAt("http://localhost:8787/", "")).toEqual({ id: "localhost", origin: "http://localhost:8787" });
  });
});

it.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:0001:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["", ""],
])("counts %s as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it.each([
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
    "Edge · Windows",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Safari · iPhone",
  ],
  ["curl/8.5.0", undefined],
])("describes %s", (header, described) => {
  expect(describeUserAgent(header)).toBe(described);
});
