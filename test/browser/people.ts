import type { Browser, BrowserContext, Page } from "playwright-core";

/** A page of a new browser, with an authenticator that says yes. */
export async function newDevice(browser: Browser, baseURL: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ baseURL, locale: "en", viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { context, page };
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
