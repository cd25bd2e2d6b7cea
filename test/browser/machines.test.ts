import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { exitOf, interrupt, output, run, start } from "../support/command.ts";
import { freePort } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { lookAt } from "./looks.ts";
import { newDevice } from "./people.ts";

const SETUP_TOKEN = "the token of this test";

/** An owner with a passkey, a browser, and `porchlight connect` as a process beside it. */
describe("machines", () => {
  let edge: EmbeddedEdge;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let folder: string;
  let port: number;
  let problems: string[];

  beforeAll(async () => {
    await buildEdgeIfNeeded();
    folder = await mkdtemp(join(tmpdir(), "porchlight-machines-"));
    port = await freePort();
    edge = await startEmbeddedEdge({ stateDir: join(folder, "edge"), port: await freePort(), setupToken: SETUP_TOKEN });
    browser = await startChromium();
    ({ context, page, problems } = await newDevice(browser, edge.origin, { viewport: { width: 390, height: 844 } }));
    await page.goto("/setup");
    await page.getByLabel("Set-up token").fill(SETUP_TOKEN);
    await page.getByLabel("Your name").fill("Ada");
    await page.getByRole("button", { name: "Create the passkey" }).click();
    await page.getByRole("button", { name: "I have kept them" }).click();
    await page.getByLabel("Your message").waitFor();
  });

  afterAll(async () => {
    await browser?.close();
    await edge?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const connect = (...more: string[]): ChildProcess =>
    start(["connect", "--data", join(folder, "machine"), "--local-port", String(port), ...more]);

  /** The same page in Chinese; no Latin word among the Chinese but names. */
  async function lookInChinese(name: string, path: string): Promise<void> {
    await page.goto(`${path}?lang=zh-CN`);
    const text = await page.locator("main").innerText();
    const known = /Porchlight|porchlight|API|npm run|connect|starter|http\S+|[A-Z]{4}-[A-Z]{4}|linux x64|[0-9a-f]{4}/g;
    expect(text.replaceAll(known, "").match(/[A-Za-z]{4,}/g) ?? []).toEqual(machineNames);
    await lookAt(page, name);
    await page.goto(`${path}?lang=en`);
  }
  let machineNames: string[] = [];

  let machine: ChildProcess;

  it("says what to do while there is none; a link is pasted, and the machine appears by itself", async () => {
    await page.goto("/");
    await page.goto("/agents");
    await page.getByRole("heading", { name: "No machine yet." }).waitFor();
    await lookAt(page, "agents-empty");
    await lookInChinese("agents-empty-zh", "/agents");
    await page.getByRole("button", { name: "Make a pairing link" }).focus();
    await page.keyboard.press("Enter");
    const command = page.locator('[data-part="pairing"] code');
    await expect.poll(() => command.innerText()).toMatch(/connect http:\/\/localhost:\d+\/j\/[\w-]{22}$/);
    await lookAt(page, "agents-link");
    const link = (await command.innerText()).split(" ").at(-1) ?? "";
    const other = await context.newPage();
    await other.goto(link);
    await other.getByRole("heading", { name: "This link is for a machine." }).waitFor();
    await other.close();
    machine = connect(link);
    await output(machine, /tokens\/s/);
    await page.goto("/agents");
    const row = page.locator("[data-agent]");
    await row.getByText("Online").waitFor();
    // It comes online before it has tried its model.
    await row.getByText(/[\d.]+ tokens\/s with starter/).waitFor();
    expect(await row.innerText()).toMatch(/Models: starter/);
    await lookAt(page, "agents");
  });

  it("shows that it went and came back, without a reload", async () => {
    const row = page.locator("[data-agent]");
    interrupt(machine);
    await exitOf(machine);
    await row.getByText("Offline").waitFor();
    await row.getByText("last seen").waitFor();
    machine = connect();
    await output(machine, /Online\./);
    await row.getByText("Online").waitFor();
  });

  it("renames it, by keyboard", async () => {
    const row = page.locator("[data-agent]");
    await row.locator("summary").focus();
    await page.keyboard.press("Enter");
    await row.getByLabel("Name").fill("Attic");
    await page.keyboard.press("Enter");
    await row.getByText("Attic", { exact: true }).waitFor();
    machineNames = ["Attic"];
    await lookInChinese("agents-zh", "/agents");
  });

  it("takes it out of service and brings it back, and hears of what was decided on the machine, without a reload", async () => {
    const row = page.locator("[data-agent]");
    await row.getByRole("button", { name: "Take out of service" }).click();
    await page.getByRole("dialog").getByText("Take “Attic” out of service?").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await row.getByText("Out of service", { exact: true }).waitFor();
    expect(await row.getByRole("button", { name: "Take out of service" }).isVisible()).toBe(false);
    await lookAt(page, "agents-drained");
    await lookInChinese("agents-drained-zh", "/agents");
    const status = await run(["status", "--data", join(folder, "machine")]);
    expect(status.stdout).toContain("out of service");
    expect(await run(["undrain", "--data", join(folder, "machine")])).toMatchObject({ code: 0 });
    await row.getByText("Online").waitFor();
    await row.getByRole("button", { name: "Take out of service" }).waitFor();
  });

  it("revokes it after a question, and lets it in again with one click", async () => {
    const row = page.locator("[data-agent]");
    await row.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByText("Revoke “Attic”?").waitFor();
    await lookAt(page, "agents-revoke");
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    expect(await exitOf(machine)).toBe(1);
    const restore = page.getByRole("button", { name: "Let in again" });
    await restore.waitFor();
    await lookAt(page, "agents-revoked");
    await restore.click();
    machine = connect();
    await output(machine, /Online\./);
    await row.getByText("Online").waitFor();
    interrupt(machine);
    await exitOf(machine);
  });

  it("lets a machine in by the code that it shows, with a fresh passkey", async () => {
    machine = connect(edge.origin);
    const done = output(machine, /tokens\/s/);
    const said = await output(machine, /Fingerprint +([0-9a-f]{4} ?){8}/);
    const [code = ""] = /[A-Z]{4}-[A-Z]{4}/.exec(said) ?? [];
    const [fingerprint = ""] = /([0-9a-f]{4} ){7}[0-9a-f]{4}/.exec(said) ?? [];
    await page.goto("/device");
    await page.getByLabel("Code").fill("BBBB-BBBB");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("No machine waits under this code").waitFor();
    await lookAt(page, "device");
    await page.goto(`/device?user_code=${code}`);
    await page.keyboard.press("Tab");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "Let this machine in?" }).waitFor();
    expect(await page.locator("main").innerText()).toContain(fingerprint);
    await lookAt(page, "device-question");
    // As the edge answers six minutes later: nothing here can move its clock. What follows is real.
    const error = { code: "confirmation_needed", message: "Confirm.", type: "x", param: null };
    await page.route("**/approve", (route) => route.fulfill({ status: 403, json: { error } }), { times: 1 });
    const confirmed = page.waitForResponse("**/api/confirm");
    await page.getByRole("button", { name: "Let it in" }).click();
    expect((await confirmed).status()).toBe(200);
    await page.getByRole("heading", { name: "It is let in." }).waitFor();
    await lookAt(page, "device-approved");
    await done;
    await page.getByRole("link", { name: "To the machines" }).click();
    await page.locator("[data-agent]").getByText("Online").waitFor();
    // The key is the one it had: the same machine, under the name its owner gave it.
    expect(await page.locator("[data-agent]").count()).toBe(1);
    await page.locator("[data-agent]").getByText("Attic", { exact: true }).waitFor();
    interrupt(machine);
    await exitOf(machine);
    expect(problems).toEqual([]);
  });
});
