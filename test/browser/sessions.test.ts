import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { chatOn, ended } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

const FACT = "My cat Pixel was born in Lisbon.";

/** Says something in a conversation by the API, with the page's own session. */
async function say(page: Page, id: string, body: object): Promise<void> {
  const status = await page.evaluate(
    async ([path, text]) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(path, { method: "POST", headers, body: text });
      await response.text();
      return response.status;
    },
    [`/api/sessions/${id}/turns`, JSON.stringify({ max_tokens: 8, temperature: 0, ...body })] as const,
  );
  expect(status).toBe(200);
}

async function sessionOf(page: Page): Promise<string> {
  const id = await page.evaluate(
    () => Object.entries(sessionStorage).find(([key]) => key.startsWith("porchlight/active/"))?.[1],
  );
  return String(id);
}

it("shows what a model is sent in a conversation of 60 turns, and what the settings make of it", {
  timeout: 120_000,
}, async () => {
  const { page } = await visit();
  const chat = chatOn(page);
  await chat.askAndWait("Hello! What can you do?");
  const id = await sessionOf(page);
  for (let n = 1; n < 50; n++) await say(page, id, { content: n === 3 ? FACT : `Hello ${n}! What is subject${n}?` });
  await page.reload();
  await chat.questions.getByText("What is subject49?").waitFor();
  expect(await chat.questions.count()).toBe(30);
  await chat.askAndWait("Where was my cat Pixel born?");
  await page.getByText("The model sees the last 8 turns.").waitFor();
  const trace = page.getByRole("dialog");
  const traceText = async (): Promise<string> => {
    await chat.answer.getByRole("button", { name: "What was sent" }).click();
    const text = await trace.innerText();
    await trace.getByRole("button", { name: "Close" }).click();
    return text;
  };
  // Turns are counted from 1 for people.
  const sent = await traceText();
  expect(sent).toMatch(/Turns, word for word\s+43 to 50/);
  expect(sent).toMatch(/Found in turn 4\s+User: My cat Pixel was born in Lisbon\./);
  expect(sent).toMatch(/Summary of the first \d+ turns\s+\S/);

  // The conversation's own setting; then the person's where the conversation has none.
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Turns sent word for word").fill("2");
  await page.getByLabel("Older turns that a question needs").selectOption("off");
  await page.getByRole("button", { name: "Save" }).click();
  await chat.askAndWait("Where was my cat Pixel born, again?");
  await page.getByText("The model sees the last 2 turns.").waitFor();
  expect(await traceText()).not.toContain("Found in turn");
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Turns sent word for word").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.evaluate(async () => {
    const headers = { "content-type": "application/json" };
    await fetch("/api/session-settings", { method: "PUT", headers, body: JSON.stringify({ window: 3 }) });
  });
  await chat.askAndWait("Tell me a joke");
  await page.getByText("The model sees the last 3 turns.").waitFor();
  // A request's own comes before all of them.
  await say(page, id, { content: "And now?", window: 5 });
  await page.reload();
  await page.getByText("The model sees the last 5 turns.").waitFor();
  for (let n = 54; n < 60; n++) await say(page, id, { content: `Hello ${n}!` });
  await page.reload();
  await chat.questions.getByText("Hello 59!").waitFor();
  while ((await chat.questions.count()) < 60) {
    const before = await chat.questions.count();
    await page.getByRole("button", { name: "Earlier messages" }).click();
    await expect.poll(async () => await chat.questions.count()).toBeGreaterThan(before);
  }
  expect((await chat.questions.allInnerTexts())[3]).toBe(FACT);
});

it("shows conversations as they were when the edge was restarted", { timeout: 60_000 }, async () => {
  const { page, problems } = await visit();
  const chat = chatOn(page);
  const answer = await chat.askAndWait("What can you do?");
  await stack().stack.edge.stop();
  await stack().stack.edge.start();
  await chat.status.getByText("Online").waitFor({ timeout: 20_000 });
  problems.length = 0; // What was asked while there was nobody to answer.
  await page.reload();
  await ended(chat.answer);
  expect((await chat.answerText.innerText()).trim()).toBe(answer);
  expect(await chat.askAndWait("Tell me a joke")).not.toBe("");
});
