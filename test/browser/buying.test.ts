import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { dataFolder, writePrivateFile } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { rootOf } from "../../shared/market/tuf/root.ts";
import { newSecretKey, readSigner, signMetadata, type Signer } from "../../shared/market/tuf/signer.ts";
import { signPublisherKey } from "../../shared/protocol/signatures.ts";
import { ask } from "../support/api.ts";
import { makePackage, newPublisherKeys } from "../support/market.ts";
import { freePort } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { faultsOf, inEveryLook, shoot } from "./looks.ts";
import { invite, newKey } from "./people.ts";

const SETUP_TOKEN = "the token of this test";

describe("buying, in a browser without a script", { timeout: 120_000 }, () => {
  let edge: EmbeddedEdge;
  let browser: Browser;
  let folder: string;
  let owner: Page;
  let ada: Page;
  let ownerKey: string;
  /** The owner's, without a script: a buyer. */
  let plain: BrowserContext;
  let buyer: Page;

  beforeAll(async () => {
    await buildEdgeIfNeeded();
    folder = await mkdtemp(join(tmpdir(), "porchlight-buying-"));
    const { edge: stateDir, marketKeys } = dataFolder(folder);
    const [targets, snapshot, timestamp] = [await newSecretKey(), await newSecretKey(), await newSecretKey()];
    await writePrivateFile(marketKeys, JSON.stringify({ targets, snapshot, timestamp }));
    vi.stubEnv("PORCHLIGHT_TEST_PAYMENTS", "on");
    edge = await startEmbeddedEdge({ stateDir, port: await freePort(), setupToken: SETUP_TOKEN });
    browser = await startChromium();
    ownerKey = (await send<{ apiKey: string }>(undefined, "POST", "/api/setup", { token: SETUP_TOKEN })).apiKey;
    owner = await (await browser.newContext({ baseURL: edge.origin, locale: "en" })).newPage();
    await owner.goto((await send<{ url: string }>(ownerKey, "POST", "/api/sign-in-links", {})).url);
    ada = await invite(browser, owner, edge.origin, "Ada");
    await openMarket({ targets, snapshot, timestamp });
    const storageState = await owner.context().storageState();
    plain = await browser.newContext({ baseURL: edge.origin, locale: "en", javaScriptEnabled: false, storageState });
    buyer = await plain.newPage();
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await browser?.close();
    await edge?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const send = async <T>(apiKey: string | undefined, method: string, path: string, body?: object): Promise<T> =>
    (await ask({ origin: edge.origin, ...(apiKey === undefined ? {} : { apiKey }) }, method, path, body)) as T; // what the edge's own tests hold it to

  /** This edge is a market, and Ada publishes something that costs. */
  async function openMarket(secrets: { targets: string; snapshot: string; timestamp: string }): Promise<void> {
    const signer = async (secret: string): Promise<Signer> => {
      const read = await readSigner(secret);
      if (read === undefined) throw new Error("a key that was made cannot be read");
      return read;
    };
    const root = await signer(await newSecretKey());
    const keys = {
      root: [root],
      targets: await signer(secrets.targets),
      snapshot: await signer(secrets.snapshot),
      timestamp: await signer(secrets.timestamp),
    };
    const signed = rootOf(keys, 1, Date.now() + 365 * 24 * 3600_000);
    await send(ownerKey, "PUT", "/api/market/trust", { root: await signMetadata(signed, [root]) });
    const adas = await newKey(ada, "admin");
    await send(adas, "PUT", "/api/market/publisher", { name: "Ada" });
    await send(adas, "POST", "/api/market/namespaces", { namespace: "adas" });
    const pair = await newPublisherKeys();
    const asked = await send<{ publisherId: string; challenge: string }>(
      adas,
      "POST",
      "/api/market/publisher-keys/challenge",
    );
    const signature = await signPublisherKey(pair.privateKey, { ...asked, origin: edge.origin });
    const { challenge } = asked;
    await send(adas, "POST", "/api/market/publisher-keys", {
      publicKey: pair.raw,
      name: "laptop",
      challenge,
      signature,
    });
    const price = { currency: "EUR", minorUnits: 499, every: "month" as const };
    const { bytes } = await makePackage({ name: "@adas/weather", draft: { price } }, pair);
    const { id } = await send<{ id: string }>(adas, "POST", "/api/market/packages", bytes);
    await send(adas, "POST", `/api/market/versions/${id}/submit`, { official: false });
    const state = async (): Promise<string> =>
      (await send<{ state: string }>(adas, "GET", `/api/market/versions/${id}`)).state;
    await vi.waitFor(async () => expect(await state()).toBe("in_review"), { timeout: 30_000, interval: 200 });
    await send(ownerKey, "POST", `/api/market/desk/${id}/claim`);
    await send(ownerKey, "POST", `/api/market/desk/${id}/decision`, { decision: "approve", words: "" });
  }

  /** A page as it is looked at, in every look, by whoever has this state. */
  async function look(path: string, name: string, by: Page): Promise<void> {
    const storageState = await by.context().storageState();
    const faults = await inEveryLook(browser, name, { baseURL: edge.origin, storageState }, async (page, own) => {
      await page.goto(path);
      await shoot(page, own);
      return await faultsOf(page);
    });
    expect(faults).toEqual([]);
  }

  it("leads from a plugin's page to an order, to the checkout, and back", async () => {
    await buyer.goto("/market/adas/weather");
    await look("/market/adas/weather", "plugin", owner);
    await buyer.getByRole("button", { name: "Subscribe for €4.99 per month" }).click();
    await buyer.getByRole("heading", { name: "Your order" }).waitFor();
    const order = new URL(buyer.url()).pathname;
    await look(order, "order", owner);
    await buyer.getByRole("link", { name: "Pay €4.99" }).click();
    await buyer.getByLabel("One that the bank refuses").check();
    await look(new URL(buyer.url()).pathname, "checkout", owner);
    await buyer.getByRole("button", { name: "Pay" }).click();
    await buyer.getByText("The card was refused. Try another.").waitFor();
    await buyer.getByLabel("One that works").check();
    await buyer.getByRole("button", { name: "Pay" }).click();
    // The page looks again by itself until the provider's word is there.
    await buyer.getByText("Bought", { exact: true }).waitFor({ timeout: 30_000 });
    await look(order, "purchase", owner);
    await look("/market/purchases", "purchases", owner);
    await buyer.goto("/market/adas/weather");
    await buyer.getByRole("button", { name: "Look at it and install" }).waitFor();
  });

  it("installs what was bought, with a script", async () => {
    await owner.goto("/market/adas/weather");
    await owner.getByRole("button", { name: "Look at it and install" }).waitFor();
  });

  it("gives the money back, after a question", async () => {
    await buyer.goto("/market/purchases");
    await buyer.getByRole("link", { name: "Greets people" }).click();
    await buyer.getByText("Cancel the subscription").click();
    await buyer.getByRole("button", { name: "Yes, cancel it" }).click();
    await buyer.getByText("It was cancelled, and ends on").waitFor();
    await buyer.getByText("Have your money back").click();
    await buyer.getByRole("button", { name: "Yes, give the money back" }).click();
    await buyer.getByText("Money back", { exact: true }).waitFor();
    await buyer.getByText("€4.99 went back").waitFor();
  });

  it("connects a publisher's account", async () => {
    await ada.goto("/market/mine");
    await look("/market/mine", "mine", ada);
    await ada.getByRole("button", { name: "Connect payouts" }).click();
    const go = ada.getByRole("link", { name: "Go on at the payment provider" });
    await look(new URL((await go.getAttribute("href")) ?? "").pathname, "account", ada);
    await go.click();
    await ada.getByRole("button", { name: "I am who I say" }).click();
    await ada.getByText("You are paid to the account that you connected.").waitFor();
    await ada.getByRole("button", { name: "Pay me only when I ask" }).click();
    await ada.getByText("You are paid when you ask for it.").waitFor();
    await look("/market/mine", "mine-connected", ada);
  });
});
