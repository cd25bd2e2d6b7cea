import { expect, it } from "vitest";
import { askForLength, chatOn, ended } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

it("shows an agent that goes away, says what to do, and notices by itself when it is back", async () => {
  const { page, problems } = await visit();
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  await chat.askAndWait("What can you do?");
  await stack().killAgent();
  // The page believes it is online until it asks: the failed question tells it at once.
  await chat.askAndWait("Hello?");
  expect(await chat.error.innerText()).toMatch(/porchlight up/);
  await chat.status.getByText("Offline").waitFor();
  const notice = page.locator('[data-part="offline"]');
  await notice.waitFor();
  expect(await notice.innerText()).toMatch(/The light is off\.[\s\S]*porchlight up/);
  expect(problems.splice(0)).toEqual([expect.stringContaining("503 (Service Unavailable)")]);

  const newcomer = await visit();
  await newcomer.page.locator('[data-part="empty-off"]').waitFor();
  expect(await newcomer.page.getByLabel("Model").locator("option").count()).toBeGreaterThan(0);

  await page.keyboard.press("Control+k");
  await page.locator('[data-part="empty-off"]').waitFor();
  expect(await page.locator('[data-part="empty-on"]').isVisible()).toBe(false);
  await chat.conversations.first().getByRole("button").first().click();

  await stack().startAgent();
  await chat.status.getByText("Online").waitFor({ timeout: 15_000 });
  expect(await notice.isVisible()).toBe(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await ended(chat.answer);
  expect(await chat.error.isVisible()).toBe(false);
  expect((await chat.answerText.innerText()).length).toBeGreaterThan(0);
  expect(await chat.answers.count()).toBe(2);
});

it("goes on with an answer when the agent is killed in the middle and comes back", async () => {
  const { page } = await visit();
  const chat = chatOn(page);
  await askForLength(page);
  await chat.ask("Hello!");
  await chat.answerText.filter({ hasText: /\S/ }).waitFor();
  await stack().killAgent();
  await stack().startAgent();
  await ended(chat.answer);
  expect(await chat.error.isVisible()).toBe(false);
  expect((await chat.answerText.innerText()).length).toBeGreaterThan(1000);
});
