import { beforeAll, describe, expect, it } from "vitest";
import { CROSS_ORIGIN_PATHS } from "../../shared/api/cross-origin.ts";
import { bearer, type Owner, request, setUp, signIn } from "./support/edge.ts";

const FOREIGN = "https://app.example";
let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

const preflight = async (path: string) =>
  await request(path, {
    method: "OPTIONS",
    headers: {
      origin: FOREIGN,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-stainless-os",
    },
  });
const allowed = (response: Response) => response.headers.get("access-control-allow-origin");

describe("a page of another origin", () => {
  it.each(CROSS_ORIGIN_PATHS)("may ask at %s with whatever its SDK sends, never with cookies", async (path) => {
    const response = await preflight(path.replace("*", "chat/completions"));
    expect([response.status, allowed(response)]).toEqual([204, "*"]);
    expect(response.headers.get("access-control-allow-headers")).toBe("authorization,content-type,x-stainless-os");
    expect(response.headers.get("access-control-allow-methods")).toMatch(/POST/);
    expect(response.headers.has("access-control-allow-credentials")).toBe(false);
  });

  it.each(["/api/keys", "/api/jobs", "/api/sessions", "/api/sign-in", "/"])("may not ask at %s", async (path) => {
    const response = await preflight(path);
    expect(allowed(response)).toBeNull();
    const asked = await request(path, { headers: { ...bearer(owner.apiKey), origin: FOREIGN } });
    expect(allowed(asked)).toBeNull();
  });

  it("reads answers and refusals with a key, and nothing by a cookie or without either", async () => {
    const ask = async (headers: Record<string, string>, path = "/v1/models") =>
      await request(path, { headers: { ...headers, origin: FOREIGN } });
    const answer = await ask(bearer(owner.apiKey));
    expect([answer.status, allowed(answer)]).toEqual([200, "*"]);
    expect(answer.headers.get("access-control-expose-headers")).toContain("x-request-id");
    const refused = await ask(bearer("plk_live_wrong"));
    expect([refused.status, allowed(refused)]).toEqual([401, "*"]);
    const missing = await ask(bearer(owner.apiKey), "/v1/responses/resp_none");
    expect([missing.status, allowed(missing)]).toEqual([404, "*"]);
    expect(allowed(await ask({ "x-api-key": owner.apiKey }))).toBe("*");
    expect(allowed(await ask({ cookie: await signIn(owner.apiKey) }))).toBeNull();
    expect(allowed(await ask({}))).toBeNull();
  });
});
