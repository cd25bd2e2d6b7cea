import type { Browser, BrowserContext, BrowserContextOptions, CDPSession, Page } from "playwright-core";

/** A browser of one's own with an authenticator that says yes, and what went wrong in its page so far. */
export interface Device {
  context: BrowserContext;
  page: Page;
  /** Takes a further authenticator: see `addAuthenticator`. */
  cdp: CDPSession;
  /** Uncaught errors, and what the console shows: violated policies above all. */
  problems: string[];
}

/** For somebody who comes in by a passkey: in English on a desk, unless told otherwise. */
export async function newDevice(
  browser: Browser,
  baseURL: string,
  options: BrowserContextOptions = {},
): Promise<Device> {
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ baseURL, locale: "en", viewport, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // A refused request is expected wherever a test makes one; a violated policy never is.
    if (message.type() === "error" && !message.text().includes("status of")) problems.push(message.text());
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  await addAuthenticator(cdp, "internal");
  return { context, page, cdp, problems };
}

/** An authenticator that says yes: the device's own, or one that is plugged in. */
export async function addAuthenticator(cdp: CDPSession, transport: "internal" | "usb"): Promise<void> {
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport,
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

/** Somebody whom the owner invites on the page of members, and who comes in by a passkey. */
export async function invite(browser: Browser, owner: Page, origin: string, name: string): Promise<Page> {
  await owner.goto("/members");
  await owner.getByRole("button", { name: "Make an invitation link" }).click();
  const link = owner.locator('[data-part="invitation"] code').filter({ hasText: "/join/" });
  await link.waitFor();
  const { page } = await newDevice(browser, origin);
  await page.goto(await link.innerText());
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Create the passkey" }).click();
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.getByLabel("Your message").waitFor();
  return page;
}

/** An API key with a scope beside that of every key, made on the page of keys. */
export async function newKey(page: Page, scope: string): Promise<string> {
  await page.goto("/keys");
  await page.locator("#name").fill(scope);
  await page.locator(`[name="scope ${scope}"]`).click();
  await page.getByRole("button", { name: "Make the key" }).click();
  return await page.locator('[data-part="made-key"] code').filter({ hasText: "plk_" }).innerText();
}
