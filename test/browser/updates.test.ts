import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ManifestDraft } from "../../shared/plugin/manifest.ts";
import { signPublisherKey } from "../../shared/protocol/signatures.ts";
import { ask } from "../support/api.ts";
import { runHere, runWell } from "../support/command-here.ts";
import { makePackage, newPublisherKeys, type PublisherKeys } from "../support/market.ts";
import { startStack, type TestStack } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { faultsOf, inEveryLook, shoot } from "./looks.ts";
import { openMarketHere } from "./market-here.ts";
import { invite } from "./people.ts";

const NAME = "@owner/weather";
const ASKS = { net: [], model: false, storageBytes: 0, files: false, secrets: [], tools: [] };

let stack: TestStack;
let browser: Browser;
let owner: Page;
let rita: Page;
let keys: PublisherKeys;

beforeAll(async () => {
  vi.stubEnv("NO_COLOR", "1");
  stack = await startStack();
  browser = await startChromium();
  const context = await browser.newContext({ baseURL: stack.origin, locale: "en" });
  owner = await context.newPage();
  await owner.goto(stack.signInUrl);
  await openMarketHere(stack);
  rita = await invite(browser, owner, stack.origin, "Rita");
  await becomePublisher();
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await browser?.close();
  await stack?.stop();
});

/** A command of the owner's, where the edge runs. */
const run = async (...words: string[]): Promise<string> => await runWell(...words, "--data", stack.folder.root);

/** A request with the owner's key. */
async function askOwn<T>(method: string, path: string, body?: object): Promise<T> {
  return (await ask(stack, method, path, body)) as T; // our own routes' answers
}

async function becomePublisher(): Promise<void> {
  await askOwn("PUT", "/api/market/publisher", { name: "Owner" });
  await askOwn("POST", "/api/market/namespaces", { namespace: "owner" });
  keys = await newPublisherKeys();
  const asked = await askOwn<{ challenge: string; publisherId: string }>(
    "POST",
    "/api/market/publisher-keys/challenge",
  );
  const signature = await signPublisherKey(keys.privateKey, { origin: stack.origin, ...asked });
  const key = { publicKey: keys.raw, name: "laptop", challenge: asked.challenge, signature };
  await askOwn("POST", "/api/market/publisher-keys", key);
  const { roles } = await askOwn<{ roles: { userId: string; name: string }[] }>("GET", "/api/market/roles");
  const { userId = "" } = roles.find(({ name }) => name === "Rita") ?? {};
  await askOwn("PUT", `/api/market/roles/${userId}`, { role: "reviewer" });
}

/** Publishes a version, which the reviewer lets through. */
async function publish(version: string, draft: Partial<ManifestDraft> = {}): Promise<string> {
  const code = `export default { tools: { which: { description: "d", input: { type: "object" }, async execute() { return "${version}"; } } } };`;
  const { bytes, hash } = await makePackage({ name: NAME, version, code, draft }, keys);
  const { id } = await askOwn<{ id: string }>("POST", "/api/market/packages", bytes);
  await askOwn("POST", `/api/market/versions/${id}/submit`, { official: false });
  const state = async (): Promise<string> =>
    (await askOwn<{ state: string }>("GET", `/api/market/versions/${id}`)).state;
  await expect.poll(state, { timeout: 20_000 }).toBe("in_review");
  const decided = await rita.evaluate(async (desk) => {
    const headers = { "content-type": "application/json" };
    await fetch(`${desk}/claim`, { method: "POST", headers, body: "{}" });
    const body = JSON.stringify({ decision: "approve", words: "Read." });
    return (await fetch(`${desk}/decision`, { method: "POST", headers, body })).status;
  }, `/api/market/desk/${id}`);
  expect(decided).toBe(200);
  const offered = async (): Promise<number> => (await fetch(`${stack.origin}/api/market/packages/${hash}`)).status;
  await expect.poll(offered, { timeout: 20_000 }).toBe(200);
  return hash;
}

it("says what is newer and what it wants more, updates by a yes, and goes back", { timeout: 120_000 }, async () => {
  await publish("1.0.0");
  await run("plugin", "install", NAME, "--yes");
  await publish("1.1.0");
  expect(await run("plugin", "update", NAME)).toContain(`${NAME} 1.0.0 became 1.1.0.`);
  await publish("2.0.0", { permissions: { ...ASKS, net: ["api.example.com"] } });
  expect(await run("plugin", "update", NAME)).toContain("It waits for your yes");

  await owner.goto("/plugins");
  const section = owner.locator(`[data-plugin="${NAME}"]`);
  await section.getByText("Update available").waitFor();
  const offer = section.locator('[data-part="update-offer"]');
  expect(await offer.innerText()).toMatch(
    /2\.0\.0 is available[\s\S]*asks for more[\s\S]*Send to and read from the Internet: api\.example\.com/,
  );
  await section.getByText("Earlier versions").click();
  const options = { baseURL: stack.origin, storageState: await owner.context().storageState() };
  const faults = await inEveryLook(browser, "updates", options, async (page, own) => {
    await page.goto("/plugins");
    await page.locator(".kept-versions summary").click();
    await shoot(page, own);
    return await faultsOf(page);
  });
  expect(faults).toEqual([]);

  await offer.getByRole("button", { name: "Allow this, and update to 2.0.0" }).click();
  await section.getByText("Update available").waitFor({ state: "detached" });
  await section.getByText(`${NAME} 2.0.0`).waitFor();
  await section.getByText("Earlier versions").click();
  expect(await section.innerText()).toContain("1.0.0 became 1.1.0 by itself");
  await section.getByRole("button", { name: "Go back to 1.1.0" }).click();
  await owner.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await section.getByText(`${NAME} 1.1.0`).waitFor();
  expect(await section.getByLabel("Updates").inputValue()).toBe("pinned");
  await section.getByLabel("Updates").selectOption("ask");
  await section.locator('form[data-request$="/updates"]').getByRole("button", { name: "Save" }).click();
  await owner.getByRole("button", { name: "Look for updates" }).click();
  await owner.getByText("You want to be asked").waitFor();
});

it("pins, unpins and goes back by command, and says what it did", { timeout: 60_000 }, async () => {
  expect(await run("plugin", "update", NAME, "--yes")).toContain("1.1.0 became 2.0.0");
  expect(await run("plugin", "pin", NAME)).toContain("stays at 2.0.0");
  await publish("2.0.1", { permissions: { ...ASKS, net: ["api.example.com"] } });
  expect(await run("plugin", "update")).toContain("You have pinned 2.0.0.");
  expect(await run("plugin", "rollback", NAME, "1.0.0")).toContain("went back from 2.0.0 to 1.0.0");
  const refused = await runHere(["plugin", "rollback", NAME, "9.9.9", "--data", stack.folder.root]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("9.9.9 is not kept. Of");
  expect(await run("plugin", "unpin", NAME)).toContain("updates by itself");
  const json = JSON.parse(
    (await runHere(["plugin", "update", "--json", "--data", stack.folder.root])).stdout,
  ) as object;
  expect(json).toMatchObject([{ name: NAME, version: "1.0.0", offer: { version: "2.0.1", reasons: ["wants_more"] } }]);
});
