import type { Page, Route } from "playwright-core";
import { expect, it } from "vitest";
import { chatOn, importConversation, SAYS } from "./chat-page.ts";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();

async function inspect(page: Page, name: string): Promise<void> {
  await shoot(page, name);
  expect(await faultsOf(page), name).toEqual([]);
}

it.each(LOOKS)("are without fault while they are open, in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { page } = await visit({ locale, colorScheme, viewport: { width, height: 844 } });
  const dialog = (name: string) => page.locator(`dialog[open][data-part="${name}"]`);
  const id = await importConversation(page, "Rivers", [["One?", "The Tagus."]]);
  await page.goto(`/?session=${id}`);
  await chatOn(page).askAndWait("Tell me a joke");
  await page.locator('[data-action="open-settings"]').click();
  await dialog("settings").waitFor();
  await inspect(page, `dialog-settings-${locale}-${width}`);
  await page.keyboard.press("Escape");
  await chatOn(page).answer.locator('[data-action="show-trace"]').click();
  await dialog("trace").waitFor();
  await inspect(page, `dialog-trace-${locale}-${width}`);
  await page.keyboard.press("Escape");
  await page.goto("/keys");
  await page.locator("form[data-ask] button[type=submit]").first().click();
  await dialog("ask").waitFor();
  await inspect(page, `dialog-ask-${locale}-${width}`);
});

it("keep how often a conversation asks, as it was chosen elsewhere", async () => {
  const { page } = await visit();
  const id = await importConversation(page, "Trusting", [["One?", "The Tagus."]]);
  const settings = async (change?: object): Promise<unknown> =>
    await page.evaluate(
      async ([path, body]) => {
        const init = { method: "PATCH", headers: { "content-type": "application/json" }, body: body ?? null };
        const answer = await fetch(path, body === undefined ? {} : init);
        return ((await answer.json()) as { settings: unknown }).settings; // our own API's answer
      },
      [`/api/sessions/${id}`, change === undefined ? undefined : JSON.stringify(change)] as const,
    );
  await settings({ settings: { approval: "never" } });
  await page.goto(`/?session=${id}`);
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Title").fill("Still trusting");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Still trusting").first().waitFor();
  expect(await settings()).toMatchObject({ approval: "never" });
});

it("wait for a conversation that is slow to come, as what is said does", async () => {
  const { page } = await visit();
  const id = await importConversation(page, "Slow", [["One?", "The Tagus."]]);
  const held = Promise.withResolvers<void>();
  const hold = async (route: Route): Promise<void> => {
    await held.promise;
    await route.continue();
  };
  await page.route(`**/api/sessions/${id}`, hold);
  await page.route("**/api/sessions?*", hold);
  await page.goto(`/?session=${id}`);
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  await page.getByRole("button", { name: "This conversation" }).click();
  await chat.ask("Tell me a joke");
  expect(await page.locator("dialog[open]").count()).toBe(0);
  expect(await chat.questions.count()).toBe(0);
  held.resolve();
  await page.getByLabel("Title").waitFor();
  expect(await page.getByLabel("Title").inputValue()).toBe("Slow");
  await page.keyboard.press("Escape");
  await expect.poll(async () => await chat.questions.allInnerTexts()).toEqual(["One?", "Tell me a joke"]);
});

it("folds a model's thoughts once it answers, and opens them by a key", async () => {
  const { page } = await visit();
  const chat = chatOn(page);
  const chunk = (delta: object, reason: string | null = null): string =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const body = [
    chunk({ reasoning_content: "It asks for a river. " }),
    chunk({ reasoning_content: "The Tagus is one." }),
    chunk({ content: "The Tagus." }),
    chunk({}, "stop"),
    "data: [DONE]\n\n",
  ].join("");
  await page.route(SAYS, async (route) => await route.fulfill({ contentType: "text/event-stream", body }));
  await chat.askAndWait("Name a river.");
  const thoughts = chat.answer.locator('[data-part="thoughts"]');
  expect(await thoughts.evaluate((element) => (element as HTMLDetailsElement).open)).toBe(false);
  await thoughts.locator("summary").focus();
  await page.keyboard.press("Enter");
  await thoughts.getByText("It asks for a river. The Tagus is one.").waitFor();
});
