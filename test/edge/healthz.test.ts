import { exports } from "cloudflare:workers";
import { expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };

it("says that it is up, and its version", async () => {
  const response = await exports.default.fetch("https://edge.test/healthz");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok", version: manifest.version });
});
