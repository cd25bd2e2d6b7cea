import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { freePort } from "../support/stack.ts";
import { startChromium } from "./chromium.ts";
import { faultsOf, lookAt } from "./looks.ts";
import { addAuthenticator, type Device, newDevice } from "./people.ts";

const SETUP_TOKEN = "the token of this test";

let edge: EmbeddedEdge;
let browser: Browser;
let folder: string;
/** Recovery codes of the owner, as they were downloaded. */
let codes: string[] = [];

beforeAll(async () => {
  await buildEdgeIfNeeded();
  folder = await mkdtemp(join(tmpdir(), "porchlight-access-"));
  edge = await startEmbeddedEdge({ stateDir: folder, port: await freePort(), setupToken: SETUP_TOKEN });
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await edge?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A browser with an authenticator of its own that says yes. */
const device = async (locale = "en"): Promise<Device> => await newDevice(browser, edge.origin, { locale });

/** No Latin word among the Chinese but names. */
async function isChinese(page: Page): Promise<void> {
  const text = await page.locator("main").innerText();
  const known =
    /Porchlight|API|English|OpenAI|Claude|PIN|SETUP_TOKEN|JavaScript|npm start|Chrome|Linux|Ada|Bea|Laptop|Phone|token/g;
  expect(text.replaceAll(known, "").match(/[A-Za-z]{3,}/g) ?? []).toEqual([]);
}

describe("the door", () => {
  let owner: Device;
  let guest: Device;

  it("sends the first visitor to set-up, where a passkey makes the owner", async () => {
    owner = await device();
    const { page } = owner;
    await page.goto("/");
    await page.getByText("Nobody lives here yet.").waitFor();
    await lookAt(page, "first");
    await page.getByRole("link", { name: "Set up this edge" }).click();
    await page.getByLabel("Set-up token").fill("a guess");
    await page.getByLabel("Your name").fill("Ada");
    await lookAt(page, "setup");
    await page.getByRole("button", { name: "Create the passkey" }).click();
    await page.getByText("The set-up token is wrong.").waitFor();
    // The link that `porchlight edge` prints fills it in, and leaves nothing of it in the address.
    await page.goto(`${edge.origin}/`);
    await page.goto(`${edge.origin}/setup#${new URLSearchParams({ token: SETUP_TOKEN })}`);
    await expect.poll(() => page.getByLabel("Set-up token").inputValue()).toBe(SETUP_TOKEN);
    expect(new URL(page.url()).hash).toBe("");
    await page.getByLabel("Your name").fill("Ada");
    await page.getByRole("button", { name: "Create the passkey" }).click();
    await page.getByRole("heading", { name: "Keep these recovery codes" }).waitFor();
    await lookAt(page, "codes");
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("porchlight-recovery-codes.txt");
    codes = await page.locator('[data-part="codes-list"] code').allInnerTexts();
    expect(codes).toHaveLength(10);
    await page.getByRole("button", { name: "I have kept them" }).click();
    await page.getByLabel("Your message").waitFor();
  });

  it("offers the passkey in the name field, and stays where one wanted to go", async () => {
    const { page, context } = owner;
    await context.clearCookies();
    // The virtual authenticator picks the passkey that the field offers.
    await page.goto("/members");
    await page.getByRole("heading", { name: "Members" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/members");
  });

  it("lets the owner in again by the button, after signing out", async () => {
    const { page } = owner;
    // A browser that does not offer passkeys in fields: else it would be quicker than the button.
    await page.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
    });
    await page.goto("/account");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("This door has a key.").waitFor();
    await page.goto("/members");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("heading", { name: "Members" }).waitFor();
  });

  it("adds a second passkey, renames it and removes it after asking", async () => {
    const { page, cdp } = owner;
    await page.goto("/account");
    await page.getByLabel("Name of the passkey").last().fill("Key ring");
    // The authenticator that has one already refuses to make another: a second one is plugged in.
    await addAuthenticator(cdp, "usb");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    const row = page.locator(".row", { hasText: "Key ring" });
    await row.waitFor();
    await lookAt(page, "account");
    await row.getByText("Rename").click();
    await row.getByLabel("Name of the passkey").fill("Blue key");
    await row.getByRole("button", { name: "Save" }).click();
    const renamed = page.locator(".row", { hasText: "Blue key" });
    await renamed.waitFor();
    await renamed.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByText("Blue key").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    expect(await renamed.count()).toBe(1);
    await renamed.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await renamed.waitFor({ state: "detached" });
    await page.locator(".row").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await page.getByText("That is the last way into this account.").waitFor();
  });

  it("invites somebody, who comes in by a passkey on a Chinese phone", async () => {
    const { page } = owner;
    await page.goto("/members");
    await page.getByText("You live alone here so far.").waitFor();
    await page.getByRole("button", { name: "Make an invitation link" }).click();
    const link = page.locator('[data-part="invitation"] code');
    await expect.poll(() => link.innerText()).toContain("/join/");
    const url = await link.innerText();
    guest = await device("zh-CN");
    await guest.page.goto(url);
    await guest.page.getByText("Ada 邀请你作为成员加入。").waitFor();
    await isChinese(guest.page);
    await lookAt(guest.page, "join-zh");
    await guest.page.getByLabel("你的名字").fill("Bea");
    await guest.page.getByRole("button", { name: "创建通行密钥" }).click();
    await guest.page.getByRole("heading", { name: "请保存这些恢复码" }).waitFor();
    await guest.page.getByRole("button", { name: "我已保存" }).click();
    await guest.page.getByLabel("你的消息").waitFor();
    await page.goto(url);
    await page.getByText("This invitation is gone.").waitFor();
    for (const path of ["/account", "/sessions"]) {
      await guest.page.goto(path);
      await isChinese(guest.page);
      await lookAt(guest.page, `zh${path.replace("/", "-")}`);
    }
    expect(await guest.page.getByRole("link", { name: "成员" }).count()).toBe(0);
  });

  it("asks for the passkey again before somebody is removed, and does it then", async () => {
    const { page } = owner;
    await page.goto("/members");
    await page.getByLabel("Role of Bea").selectOption("viewer");
    await page.getByRole("button", { name: "Change" }).click();
    // Not the row's whole text: the choice itself names every role.
    const notes = page.locator(".row", { hasText: "Bea" }).locator(".row-notes");
    await expect.poll(() => notes.innerText()).toContain("Viewer");
    await lookAt(page, "members");
    // As the edge answers six minutes later: nothing here can move its clock. What follows is real.
    const asked = page.waitForRequest("**/api/confirm/options");
    const error = { code: "confirmation_needed", message: "Confirm.", type: "x", param: null };
    await page.route("**/api/members/*", (route) => route.fulfill({ status: 403, json: { error } }), { times: 1 });
    await page.locator(".row", { hasText: "Bea" }).getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await asked;
    await page.locator(".row", { hasText: "Bea" }).waitFor({ state: "detached" });
    await guest.page.goto("/account");
    await guest.page.getByRole("heading", { name: "这扇门需要钥匙。" }).waitFor();
    await isChinese(guest.page);
  });

  it("shows the owner what happened, and where they are signed in", async () => {
    const { page } = owner;
    await page.goto("/audit");
    await page.getByText("Ada removed somebody").waitFor();
    await page.getByText("Bea joined the household").waitFor();
    await lookAt(page, "audit");
    await page.goto("/sessions");
    await page.getByText("Chrome · Linux").first().waitFor();
    await lookAt(page, "sessions");
  });

  it("lets the owner in by a recovery code on a new device, once", async () => {
    const lost = await device();
    await lost.page.goto("/account");
    await lost.page.getByText("I lost my passkey").click();
    await lookAt(lost.page, "sign-in");
    const [code = ""] = codes;
    await lost.page.getByLabel("Recovery code").fill("not a code");
    await lost.page.getByRole("button", { name: "Use the recovery code" }).click();
    await lost.page.getByText("That did not work.").waitFor();
    await lost.page.getByLabel("Recovery code").fill(code.toLowerCase());
    await lost.page.getByRole("button", { name: "Use the recovery code" }).click();
    await lost.page.getByText("You have 9 codes left.").waitFor();
    await lost.page.getByRole("button", { name: "Make new codes" }).click();
    await lost.page.getByRole("heading", { name: "Keep these recovery codes" }).waitFor();
    expect(lost.problems).toEqual([]);
    await lost.context.close();
  });

  it("fits a phone, works by keyboard, and broke no policy on the way", async () => {
    const { page, problems } = owner;
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ["/account", "/sessions", "/members", "/audit", "/"]) {
      await page.goto(path);
      expect(await faultsOf(page), path).toEqual([]);
    }
    await page.goto("/members");
    await page.getByRole("button", { name: "Make an invitation link" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator('[data-part="invitation"] code').innerText()).toContain("/join/");
    expect([...problems, ...guest.problems]).toEqual([]);
    await Promise.all([owner, guest].map(({ context }) => context.close()));
  });
});
