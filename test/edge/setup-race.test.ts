import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { bearer, errorOf, postJson, request, statusesOf } from "./support/edge.ts";

it("makes one owner of three at once, and takes none after that", async () => {
  const wrong = await postJson("/api/setup", { token: "a guess" });
  expect(wrong.status).toBe(403);
  expect((await errorOf(wrong)).code).toBe("invalid_setup_token");

  const responses = await Promise.all(
    ["one", "two", "three"].map((name) => postJson("/api/setup", { token: env.SETUP_TOKEN, name })),
  );
  expect(statusesOf(responses)).toEqual([201, 409, 409]);
  const keys: string[] = [];
  for (const response of responses) {
    if (response.status === 201) keys.push((await response.json<{ apiKey: string }>()).apiKey);
    else expect((await errorOf(response)).code).toBe("already_set_up");
  }
  const accounts = await env.DB.prepare("SELECT role FROM users").all();
  const stored = await env.DB.prepare("SELECT hash, prefix FROM api_keys").all<{ hash: string; prefix: string }>();
  expect(accounts.results).toEqual([{ role: "owner" }]);
  expect(stored.results).toHaveLength(1);
  expect(JSON.stringify(stored.results)).not.toContain(keys[0]);
  expect(keys[0]).toMatch(/^plk_live_[0-9A-Za-z]{36}$/);
  expect(keys[0]?.startsWith(stored.results[0]?.prefix ?? "?")).toBe(true);

  const late = await postJson("/api/setup", { token: env.SETUP_TOKEN });
  expect(late.status).toBe(409);
  const [key = ""] = keys;
  expect((await request("/v1/models", { headers: bearer(key) })).status).toBe(200);
});
