import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { CataloguePlugin } from "../../shared/market/catalogue.ts";
import { runWell } from "../support/command-here.ts";
import { startStack, type TestStack } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { chatOn, chooseLikeliest } from "./chat-page.ts";
import { openMarketHere } from "./market-here.ts";
import { invite, newKey } from "./people.ts";

/** A tool that the starter model knows how to ask for. */
const WEATHER = `export default { tools: { get_weather: {
  description: "Get the current weather for a city.",
  input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  async execute({ input }) { return { city: input.city, temperature: 21, condition: "sunny" }; } } } };
`;

describe("the market, from two publishers to a buyer", { timeout: 120_000 }, () => {
  let stack: TestStack;
  let browser: Browser;
  let owner: Page;
  const people: Record<string, Page> = {};
  const keys: Record<string, string> = {};
  const page = (name: string): Page => people[name] ?? owner;

  beforeAll(async () => {
    vi.stubEnv("PORCHLIGHT_TEST_PAYMENTS", "on");
    stack = await startStack();
    browser = await startChromium();
    const context = await browser.newContext({ baseURL: stack.origin, locale: "en" });
    owner = await context.newPage();
    await owner.goto(stack.signInUrl);
  }, 60_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await browser?.close();
    await stack?.stop();
  });

  /** `porchlight plugin ...` on a publisher's own machine, with a key of theirs. */
  const plugins = async (name: string, ...words: string[]): Promise<string> =>
    await runWell("plugin", ...words, "--data", join(stack.folder.root, `machine-${name}`));

  async function changeManifest(folder: string, change: object): Promise<void> {
    const file = join(folder, "manifest.json");
    const manifest = JSON.parse(await readFile(file, "utf8")) as object; // what `plugin new` wrote
    await writeFile(file, JSON.stringify({ ...manifest, ...change }));
  }

  async function packed(name: string, folder: string, version: string): Promise<string> {
    const file = join(stack.folder.root, `${name}-${version}.plugin`);
    await changeManifest(folder, { version });
    await plugins(name, "pack", folder, "--out", file);
    await plugins(name, "sign", file);
    return file;
  }

  async function publish(name: string, folder: string, version: string): Promise<string> {
    const file = await packed(name, folder, version);
    vi.stubEnv("PORCHLIGHT_API_KEY", (keys[name] ??= await newKey(page(name), "admin")));
    return await plugins(name, "publish", file, "--origin", stack.origin);
  }

  /** A reviewer takes a version from the desk and approves it. */
  async function approve(name: string, version: string): Promise<void> {
    const desk = page(name);
    await desk.goto("/reviews");
    await desk.getByRole("link", { name: version }).click();
    await desk.getByRole("button", { name: "Take it" }).click();
    await desk.getByLabel("Decision").selectOption("approve");
    await desk.getByLabel("In your words").fill("Read and tried.");
    await desk.getByRole("button", { name: "Decide" }).click();
    await desk.waitForURL("**/reviews");
  }

  /** This month's statement in euros, as CSV: what happened, gross and amount of each line, and what is there at the end. */
  async function statementOf(own: Page): Promise<{ lines: string[][]; closing: string | undefined }> {
    const month = new Date().toISOString().slice(0, 7);
    const csv = await own.evaluate(
      async (path) => await (await fetch(path)).text(),
      `/api/market/earnings/statement?currency=EUR&month=${month}`,
    );
    const rows = csv
      .trim()
      .split("\r\n")
      .map((row) => row.split(","));
    const lines = rows.filter(([date = ""]) => /^\d/.test(date)).map((row) => [1, 4, 5].map((at) => row[at] ?? ""));
    return { lines, closing: rows.at(-1)?.[6] };
  }

  it("is opened by command", async () => await openMarketHere(stack));

  it("has reviewers, whom its owner names", async () => {
    for (const name of ["Ada", "Bob", "Rita", "Rolf", "Ben"])
      people[name] = await invite(browser, owner, stack.origin, name);
    await owner.goto("/reviews");
    for (const name of ["Rita", "Rolf"]) {
      const row = owner.locator("[data-person]", { hasText: name });
      await row.getByRole("button", { name: "Make a reviewer" }).click();
      await row.getByText("Reviewer", { exact: true }).waitFor();
    }
    await page("Ben").goto("/reviews");
    await page("Ben").getByText("Only the market's reviewers may do that.").waitFor();
  });

  it("takes a first version of each publisher by command", async () => {
    for (const [name, plugin, price] of [
      ["Ada", "@adas/weather", { currency: "EUR", minorUnits: 499 }],
      ["Bob", "@bobs/reading-time", undefined],
    ] as const) {
      const own = page(name);
      const [namespace = ""] = plugin.slice(1).split("/");
      await own.goto("/market/mine");
      await own.getByLabel("Publisher's name").fill(`${name} and friends`);
      await own.getByRole("button", { name: "Become a publisher" }).click();
      await own.getByLabel("A name").fill(namespace);
      await own.getByRole("button", { name: "Claim it" }).click();
      await own.getByText(`@${namespace}`, { exact: true }).waitFor();
      const folder = join(stack.folder.root, namespace);
      await plugins(name, "new", plugin, "--out", folder);
      if (price !== undefined) {
        await changeManifest(folder, { price });
        await writeFile(join(folder, "main.ts"), WEATHER);
      }
      const published = await publish(name, folder, "0.1.0");
      expect(published).toContain("waits for a reviewer");
      await own.goto("/market/mine");
      await own.getByText(`${plugin} 0.1.0`).waitFor();
    }
  });

  it("offers what a reviewer has read, and nothing before", async () => {
    const offered = async (): Promise<number> => {
      await page("Ben").goto("/market");
      return await page("Ben").locator('a[href="/market/adas/weather"]').count();
    };
    expect(await offered()).toBe(0);
    await approve("Rita", "@adas/weather 0.1.0");
    await expect.poll(offered, { timeout: 20_000 }).toBeGreaterThan(0);
  });

  it("takes two reviewers for what is official, and not the same one twice", async () => {
    await owner.goto("/reviews");
    await owner.locator("[data-person]", { hasText: "Bob" }).getByRole("button", { name: "May be official" }).click();
    await owner.locator("[data-person]", { hasText: "Bob" }).getByText("Official", { exact: true }).waitFor();
    const bob = page("Bob");
    // A second version, by the page this time: a draft until it is handed in.
    const file = await packed("Bob", join(stack.folder.root, "bobs"), "0.2.0");
    await bob.goto("/market/mine");
    await bob.getByLabel("Package").setInputFiles(file);
    await bob.getByRole("button", { name: "Upload" }).click();
    const row = bob.locator("[data-version]", { hasText: "0.2.0" });
    await row.getByRole("button", { name: "Hand in as official" }).click();
    // The page looks again by itself while the market checks it.
    await row.getByText("With the reviewers").waitFor();
    await approve("Rita", "@bobs/reading-time 0.2.0");
    await page("Rita").goto("/reviews");
    await page("Rita").getByRole("link", { name: "@bobs/reading-time 0.2.0" }).click();
    await page("Rita").getByText("Rita: Approve").waitFor();
    await approve("Rolf", "@bobs/reading-time 0.2.0");
    await expect
      .poll(
        async () => {
          await page("Ben").goto("/market/bobs/reading-time");
          return await page("Ben").locator("main").innerText();
        },
        { timeout: 20_000 },
      )
      .toContain("Official");
  });

  it("sells by its test provider, where a card may be refused, and installs what was agreed to", async () => {
    const ben = page("Ben");
    await ben.goto("/market/adas/weather");
    await ben.getByRole("button", { name: "Buy for €4.99" }).click();
    await ben.getByRole("link", { name: "Pay €4.99" }).click();
    await ben.getByLabel("One that the bank refuses").check();
    await ben.getByRole("button", { name: "Pay", exact: true }).click();
    await ben.getByText("The card was refused. Try another.").waitFor();
    await ben.getByLabel("One that works").check();
    await ben.getByRole("button", { name: "Pay", exact: true }).click();
    // Webhooks of the provider come late, twice and out of order; the page looks again by itself.
    await ben.getByText("Bought", { exact: true }).waitFor({ timeout: 30_000 });
    await ben.getByRole("link", { name: "To the plugin" }).click();
    await ben.getByRole("button", { name: "Look at it and install" }).click();
    await ben.getByRole("heading", { name: "@adas/weather 0.1.0" }).waitFor();
    await ben.getByRole("button", { name: "Install with these permissions" }).click();
    await ben.locator('[data-plugin="@adas/weather"]').waitFor();

    await ben.goto("/");
    const chat = chatOn(ben);
    await chat.status.getByText("Online").waitFor();
    await chooseLikeliest(ben);
    await chat.askAndWait("What is the weather in Paris?");
    expect(await chat.answer.locator('[data-part="calls"] summary').innerText()).toBe("weather__get_weather was used");
  });

  it("pays its publisher 70%, down to the cent, and says so in a statement that adds up", async () => {
    const { lines, closing } = await statementOf(page("Ada"));
    expect(lines).toEqual([["paid", "4.99", "3.49"]]);
    expect(closing).toBe("3.49");
    await page("Ada").goto("/market/mine");
    await page("Ada").getByText("€3.49 held for 14 days").waitFor();
  });

  it("withdraws what does harm: at the edge, at home, and from the money that it made", async () => {
    const [rita, ben] = [page("Rita"), page("Ben")];
    const offered = await fetch(`${stack.origin}/api/market/plugins/adas/weather`);
    const { hash } = (await offered.json()) as CataloguePlugin; // our own route's answer
    const machineKnows = async (): Promise<string> => await readFile(stack.folder.localMarket, "utf8").catch(() => ""); // before it has asked for the first time
    expect(await machineKnows()).not.toContain(hash);
    await rita.goto("/market/adas/weather");
    await rita.getByRole("link", { name: "All versions on the review desk" }).click();
    await rita.getByRole("link", { name: "@adas/weather 0.1.0" }).click();
    await rita.getByLabel("Why").selectOption("malware");
    await rita.getByLabel("In your words").last().fill("It tells tales.");
    await rita.getByRole("button", { name: "Withdraw" }).click();
    await rita.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await rita.waitForURL("**/reviews");
    const call = async (): Promise<string> =>
      await ben.evaluate(async () => {
        const body = JSON.stringify({ tool: "get_weather", input: { city: "Oslo" } });
        const headers = { "content-type": "application/json" };
        return await (await fetch("/api/plugins/adas/weather/call", { method: "POST", headers, body })).text();
      });
    await expect.poll(call, { timeout: 20_000 }).toContain("plugin_revoked");
    await expect
      .poll(async () => (await statementOf(page("Ada"))).closing, { timeout: 30_000, interval: 500 })
      .toBe("0.00");
    const { lines } = await statementOf(page("Ada"));
    expect(lines).toEqual([
      ["paid", "4.99", "3.49"],
      ["refunded", "-4.99", "-3.49"],
    ]);
    // A machine asks every 15 minutes, and when it starts; what it was told it keeps.
    await stack.killAgent();
    await stack.startAgent();
    await expect.poll(machineKnows, { timeout: 20_000 }).toContain(hash);
    await ben.goto("/market/purchases");
    await ben.getByText("Money back", { exact: true }).waitFor();
  });
});
