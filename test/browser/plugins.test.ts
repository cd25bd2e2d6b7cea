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
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Title").fill("Careful");
  await page.getByLabel("Before a plugin changes or sends something").selectOption("always");
  await page.getByRole("button", { name: "Save" }).click();
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
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Your plugins").selectOption("off");
  await page.getByRole("button", { name: "Save" }).click();
  await chat.askAndWait("What is the weather in Rome?");
  expect(await chat.answer.locator('[data-part="calls"] summary').count()).toBe(0);
});

it("installs from a file what one agreed to, lets grants be withdrawn, asks again, and removes", {
  timeout: 60_000,
}, async () => {
  const { page, problems } = await visit({ path: "/plugins" });
  await page.getByText("You have none yet.").or(page.getByText("@ada/weather")).first().waitFor();
  const pick = async (version: string, draft: object): Promise<void> => {
    const { bytes } = await makePackage({ name: "@ada/courier", version, code: WEATHER.replace("EFFECT", ""), draft });
    await page
      .getByLabel("Package")
      .setInputFiles({ name: "courier.plugin", mimeType: "", buffer: Buffer.from(bytes) });
    await page.getByRole("button", { name: "Look at it" }).click();
    await page.getByRole("heading", { name: `@ada/courier ${version}` }).waitFor();
  };
  const consent = page.locator('[data-part="consent-list"] li');
  const permissions = {
    net: ["api.example.com"],
    model: true,
    storageBytes: 0,
    files: false,
    secrets: ["TOKEN"],
    tools: [],
  };
  await pick("1.0.0", { permissions: { ...permissions, net: [] } });
  expect(await consent.allInnerTexts()).toEqual(["Use what you enter as: TOKEN", "Ask your own models"]);
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  const own = page.locator('[data-plugin="@ada/courier"]');
  await own.getByText("@ada/courier").waitFor();
  await own.getByLabel("Ask your own models").uncheck();
  const anew = async (click: Promise<void>): Promise<unknown> => await Promise.all([page.waitForEvent("load"), click]);
  await anew(own.getByRole("button", { name: "Save what it may do" }).click());
  expect(await own.getByLabel("Ask your own models").isChecked()).toBe(false);
  await own.getByLabel("TOKEN", { exact: true }).fill("s3cret");
  await anew(own.getByRole("button", { name: "Keep it" }).click());
  await own.getByText("It is kept, sealed, and never shown again.").waitFor();

  await pick("1.1.0", { permissions });
  expect(await consent.allInnerTexts()).toContain("Send to and read from the Internet: api.example.com");
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  await own.getByText("1.1.0").first().waitFor();
  await page.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ tool: "get_weather", input: { city: "Oslo" } });
    await fetch("/api/plugins/ada/courier/call", { method: "POST", headers, body });
  });
  await page.reload();
  await page.getByRole("link", { name: "@ada/courier get_weather" }).first().click();
  await page.getByText('{"city":"Oslo"}').waitFor();
  await page.getByText("sunny").waitFor();
  await page.getByRole("link", { name: "Your plugins" }).click();
  await own.getByRole("button", { name: "Switch off" }).click();
  await own.getByText("Off", { exact: true }).waitFor();
  await own.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await own.waitFor({ state: "detached" });
  expect(problems).toEqual([]);
});
