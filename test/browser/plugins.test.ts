import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { makePackage } from "../support/market.ts";
import { chatOn, ended } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();

/** A plugin whose tool the starter model knows how to ask for. */
const WEATHER = `export default { tools: { get_weather: {
  description: "Get the current weather for a city.",
  EFFECT
  input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  async execute({ input }) { return { city: input.city, temperature: 21, condition: "sunny" }; } } } };
`;

async function install(page: Page, effect = ""): Promise<void> {
  const { bytes, manifest } = await makePackage({ name: "@ada/weather", code: WEATHER.replace("EFFECT", effect) });
  const status = await page.evaluate(
    async ([content, permissions]) => {
      const body = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
      const headers = { "content-type": "application/octet-stream" };
      const sent = await fetch("/api/plugins/inspect", { method: "POST", headers, body });
      const { hash } = (await sent.json()) as { hash: string };
      const consent = JSON.stringify({ hash, permissions: JSON.parse(permissions) as unknown });
      const json = { "content-type": "application/json" };
      return (await fetch("/api/plugins", { method: "POST", headers: json, body: consent })).status;
    },
    [Buffer.from(bytes).toString("base64"), JSON.stringify(manifest.permissions)] as const,
  );
  expect(status).toBe(201);
}

it("shows what a model had plugins do, while it does it and afterwards", { timeout: 60_000 }, async () => {
  const { page } = await visit();
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  await install(page);
  await chat.askAndWait("What is the weather in Paris?");
  const call = chat.answer.locator('[data-part="calls"] summary');
  expect(await call.innerText()).toBe("weather__get_weather was used");
  await call.click();
  const opened = chat.answer.locator('[data-part="calls"]');
  expect(await opened.innerText()).toContain("Paris");
  expect(await opened.innerText()).toContain("sunny");
  await page.reload();
  await ended(chat.answer);
  expect(await chat.answer.locator('[data-part="calls"] summary').innerText()).toBe("weather__get_weather was used");
});

it("asks before a tool writes, with exactly what would be sent, and keeps to the word", {
  timeout: 60_000,
}, async () => {
  const { page } = await visit();
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  await install(page, 'effect: "write",');
  const made = await page.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ title: "Careful", settings: { approval: "always" } });
    return (await fetch("/api/sessions", { method: "POST", headers, body })).status;
  });
  expect(made).toBe(201);
  await page.reload();
  await chat.conversations.getByText("Careful").click();
  await chat.ask("What is the weather in Paris?");
  const asked = page.getByRole("alertdialog", { name: "A plugin asks" });
  await asked.waitFor();
  expect(await asked.innerText()).toMatch(/@ada\/weather 1\.0\.0, get_weather[\s\S]*\{"city":"Paris"\}/);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Do not allow");
  await page.keyboard.press("Shift+Tab");
  // A reload in between changes nothing: the answer waits.
  await page.reload();
  await asked.getByRole("button", { name: "Allow", exact: true }).click();
  await ended(chat.answer);
  expect(await chat.answer.locator('[data-part="calls"] summary').innerText()).toBe("weather__get_weather was used");
  await chat.ask("What is the weather in London?");
  await asked.getByRole("button", { name: "Do not allow" }).press("Enter");
  await ended(chat.answer);
  expect(await chat.answer.locator('[data-part="calls"] summary').innerText()).toBe(
    "weather__get_weather came to nothing",
  );
});
