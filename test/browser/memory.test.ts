import { expect, it } from "vitest";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

it("takes a fact, rewords it by keyboard and forgets it", async () => {
  const { page } = await visit({ path: "/memory" });
  await page.getByRole("heading", { name: "Nothing is remembered yet." }).waitFor();
  await shoot(page, "memory-empty");
  await page.getByLabel("Fact").fill("I am allergic to peanuts\nand cats");
  await page.getByRole("button", { name: "Remember it" }).click();
  const row = page.locator("[data-fact]");
  await row.locator(".row-name", { hasText: "I am allergic to peanuts and cats" }).waitFor();
  await page.getByText("1 of 200 facts").waitFor();
  // The page came anew: its script is there a moment later.
  await page.waitForLoadState();
  await row.locator("summary").focus();
  await page.keyboard.press("Enter");
  const words = row.getByLabel("Fact");
  expect(await words.inputValue()).toBe("I am allergic to peanuts and cats");
  await row.getByRole("button", { name: "Cancel" }).press("Enter");
  expect(await row.locator("summary").evaluate((element) => element === document.activeElement)).toBe(true);
  await page.keyboard.press("Enter");
  await words.fill("I am allergic to cats");
  await row.getByRole("button", { name: "Save" }).click();
  await row.getByText("changed").waitFor();
  await page.waitForLoadState();
  expect(await row.locator(".row-name").innerText()).toBe("I am allergic to cats");
  await row.getByRole("button", { name: "Forget" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByRole("heading", { name: "Nothing is remembered yet." }).waitFor();
});

it("keeps standing instructions, and whether facts are told", async () => {
  const { page } = await visit({ path: "/memory" });
  await page.getByLabel("Instructions").fill("Answer in one sentence.");
  await page.getByLabel("Tell the model what is remembered").uncheck();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  await page.reload();
  expect(await page.getByLabel("Instructions").inputValue()).toBe("Answer in one sentence.");
  expect(await page.getByLabel("Tell the model what is remembered").isChecked()).toBe(false);
  await page.getByLabel("Instructions").fill("");
  await page.getByLabel("Tell the model what is remembered").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  const { apiKey, origin } = stack();
  const answer = await fetch(`${origin}/api/session-settings`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(await answer.json()).toMatchObject({ settings: {} });
});

it.each(LOOKS)("fits the screen in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { apiKey, origin } = stack();
  const remember = async (text: string) =>
    await fetch(`${origin}/api/memory`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ text }),
    });
  await remember("我住在上海，在一家医院工作，周末喜欢去公园散步。");
  await remember(`My longest word is ${"x".repeat(200)}, and this is what I say of it: ${"words ".repeat(30)}`);
  await remember("I live in Lyon");
  const { page } = await visit({ path: "/memory", locale, colorScheme, viewport: { width, height: 844 } });
  await page.locator("summary").first().click();
  expect(await faultsOf(page)).toEqual([]);
  await shoot(page, `memory-${locale}-${width}-${colorScheme}`);
});
