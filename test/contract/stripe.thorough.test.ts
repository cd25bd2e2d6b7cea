import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stripe } from "stripe";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { SECRET_KEY, stripeEvent } from "../support/stripe/stand-in.ts";
import { freePort } from "../support/stack.ts";

let edge: EmbeddedEdge;
let folder: string;
beforeAll(async () => {
  await buildEdgeIfNeeded();
  folder = await mkdtemp(join(tmpdir(), "porchlight-stripe-"));
  vi.stubEnv("PORCHLIGHT_STRIPE_SECRET_KEY", SECRET_KEY);
  vi.stubEnv("PORCHLIGHT_STRIPE_WEBHOOK_SECRET", "whsec_one, whsec_two");
  edge = await startEmbeddedEdge({ stateDir: join(folder, "edge"), port: await freePort(), setupToken: "x" });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await edge?.stop();
  await rm(folder, { recursive: true, force: true });
});

it("as it is built and run, an edge with Stripe's keys takes what Stripe signed and nothing else", async () => {
  const payload = stripeEvent("evt_1", "customer.created", { id: "cus_1" });
  const signer = new Stripe(SECRET_KEY);
  const send = async (secret: string): Promise<[number, unknown]> => {
    const header = await signer.webhooks.generateTestHeaderStringAsync({ payload, secret });
    const headers = { "stripe-signature": header, "content-type": "application/json; charset=utf-8" };
    const answer = await fetch(`${edge.origin}/api/market/payments/webhook`, {
      method: "POST",
      headers,
      body: payload,
    });
    return [answer.status, await answer.json()];
  };
  expect(await send("whsec_one")).toEqual([200, { received: true }]);
  expect(await send("whsec_two")).toEqual([200, { received: true }]);
  expect(await send("whsec_three")).toMatchObject([400, { error: { code: "webhook_signature_invalid" } }]);
  expect((await fetch(`${edge.origin}/market/checkout/tco_x`)).status).toBe(401);
});
