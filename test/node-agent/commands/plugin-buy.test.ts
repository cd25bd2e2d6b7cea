import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MONEY_ERRORS } from "../../../shared/market/money-errors.ts";
import { runHere } from "../../support/command-here.ts";

let server: ReturnType<typeof createAdaptorServer>;
let origin: string;
let asked: unknown[];
let answer: [number, object];
beforeEach(async () => {
  asked = [];
  server = createAdaptorServer({
    fetch: async (request) => {
      asked.push([request.method, new URL(request.url).pathname, await request.json()]);
      const [status, body] = answer;
      return Response.json(body, { status });
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server's address is an object.
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("PORCHLIGHT_API_KEY", `plk_live_${"a".repeat(43)}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.close();
  await once(server, "close");
});

const purchase = {
  id: "pur_1",
  title: "Weather",
  price: { currency: "JPY", minorUnits: 500, every: "month" },
  checkoutUrl: "https://checkout.stripe.com/c/x",
};

it("begins a purchase, says what it costs, and prints where to pay", async () => {
  answer = [201, purchase];
  const made = await runHere(["plugin", "buy", "@ada/weather", "--origin", origin]);
  expect(made).toMatchObject({ code: 0, stdout: "https://checkout.stripe.com/c/x\n" });
  expect(made.stderr).toContain("Weather: ¥500 per month.");
  expect(asked).toEqual([["POST", "/api/market/purchases", { plugin: "@ada/weather" }]]);
  const json = await runHere(["plugin", "buy", "@ada/weather", "--json", "--origin", origin]);
  expect(JSON.parse(json.stdout)).toEqual({ id: "pur_1", checkoutUrl: "https://checkout.stripe.com/c/x" });
});

it("says why nothing can be bought, and takes a name alone", async () => {
  const { message } = MONEY_ERRORS.payments_off;
  answer = [409, { error: { code: "payments_off", message, type: "invalid_request_error", param: null } }];
  const refused = await runHere(["plugin", "buy", "@ada/weather", "--origin", origin]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(message);
  expect((await runHere(["plugin", "buy", "weather", "--origin", origin])).stderr).toContain(
    "porchlight plugin buy @who/name",
  );
  answer = [201, { ...purchase, checkoutUrl: "no address" }];
  expect((await runHere(["plugin", "buy", "@ada/weather", "--origin", origin])).stderr).toContain(
    "not as a market does",
  );
});
