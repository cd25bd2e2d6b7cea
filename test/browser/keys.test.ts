import { expect, it } from "vitest";
import { chatOn } from "./chat-page.ts";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

const models = async (apiKey: string) =>
  (await fetch(`${stack().origin}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } })).status;

it("makes a key, copies it, changes it and revokes it", async () => {
  const { page, context } = await visit({ path: "/keys" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator("#name").fill("Editor");
  await page.getByText("Models, limits and priority").click();
  await page.locator("#requestsPerMinute-new").fill("60");
  await page.locator("#models-new").fill("starter, qwen*");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText("It is shown this one time.").waitFor();
  await page.locator('[data-part="made-key"] [data-action="copy-code"]').click();
  const apiKey = await page.evaluate(() => navigator.clipboard.readText());
  expect(apiKey).toMatch(/^plk_live_[0-9A-Za-z]{36}$/);
  expect(await models(apiKey)).toBe(200);
  await page.getByRole("link", { name: "I have kept it" }).click();

  const row = page.locator('[data-part="keys"] > li', { hasText: "Editor" });
  expect(await row.innerText()).toMatch(/starter, qwen\*\s*60 requests\/min/);
  expect(await page.content()).not.toContain(apiKey);
  await row.getByText("Edit", { exact: true }).click();
  await row.getByLabel("Name").fill("Writer");
  await row.getByLabel("Requests per minute").fill("");
  await row.getByRole("button", { name: "Save" }).click();
  const changed = page.locator('[data-part="keys"] > li', { hasText: "Writer" });
  await changed.waitFor();
  expect(await changed.innerText()).not.toContain("requests/min");

  await changed.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("Revoke the key “Writer”?").waitFor();
  await page.getByRole("button", { name: "Yes" }).click();
  await changed.waitFor({ state: "detached" });
  expect(await models(apiKey)).toBe(401);
});

it("shows usage as a plot and in tables", async () => {
  const { page } = await visit();
  await chatOn(page).askAndWait("What can you do?");
  await page.goto("/usage?days=7");
  await page.getByRole("img", { name: "Tokens per day" }).waitFor();
  expect(await page.locator(".plot-completion").count()).toBe(7);
  const cells = page.getByRole("row").filter({ hasText: "starter" }).getByRole("cell");
  expect(await cells.nth(1).innerText()).toBe("1");
  expect(Number(await cells.nth(2).innerText())).toBeGreaterThan(3);
});

it.each(LOOKS)("fits the screen in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { page } = await visit({ path: "/keys", locale, colorScheme, viewport: { width, height: 844 } });
  await page.locator("details.more summary").click();
  for (const path of ["/keys", "/usage"]) {
    if (path !== "/keys") await page.goto(path);
    expect(await faultsOf(page), path).toEqual([]);
    if (locale === "zh-CN") {
      const words = (
        await page.locator("main h1, main h2, main label, main th, main button, main legend").allInnerTexts()
      ).join(" ");
      const known =
        /[a-z]+:read|inference|plugins|publish|sessions|admin|token|qwen|API|UTC|Owner|starter|'s first key/g;
      expect(words.replaceAll(known, "").match(/[A-Za-z]{3,}/g) ?? []).toEqual([]);
    }
    await shoot(page, `${path.slice(1)}-${locale}-${width}-${colorScheme}`);
  }
});
