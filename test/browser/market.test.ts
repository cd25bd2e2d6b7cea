import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { markRunning } from "../../node-agent/commands/running.ts";
import { runHere } from "../support/command-here.ts";
import { startStack, type TestStack } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { invite, newKey } from "./people.ts";

describe("the market, from two publishers to a buyer", { timeout: 120_000 }, () => {
  let stack: TestStack;
  let browser: Browser;
  let owner: Page;
  const people: Record<string, Page> = {};
  const keys: Record<string, string> = {};
  const page = (name: string): Page => people[name] ?? owner;

  beforeAll(async () => {
    stack = await startStack();
    // As `porchlight up` does, for commands on its data folder.
    await markRunning(stack.folder.running, { pid: process.pid, origin: stack.origin });
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

  /** A command of the owner's, where the edge runs. */
  async function ownerRuns(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await runHere([...words, "--data", stack.folder.root]);
    expect(code, stderr).toBe(0);
    return stdout + stderr;
  }

  /** `porchlight plugin ...` on a publisher's own machine, with a key of theirs. */
  async function plugins(name: string, ...words: string[]): Promise<string> {
    const at = ["--data", join(stack.folder.root, `machine-${name}`)];
    const { code, stdout, stderr } = await runHere(["plugin", ...words, ...at]);
    expect(code, stderr).toBe(0);
    return stdout + stderr;
  }

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

  it("is opened by command", async () => {
    expect(await ownerRuns("market", "init")).toContain("start it again");
    await stack.stack.edge.stop();
    await stack.stack.edge.start();
    const key = join(stack.folder.root, "drawer.key");
    expect(await ownerRuns("market", "init", "--root-key", key)).toContain("is a market");
  });

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
      if (price !== undefined) await changeManifest(folder, { price });
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
    await row.getByText("With the reviewers").or(row.getByText("Being checked")).waitFor();
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
});
