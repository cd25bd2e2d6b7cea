import type { Locator, Page } from "playwright-core";

/** Where things are on the chat page, by the names a reader or a screen reader knows them by. */
export function chatOn(page: Page) {
  const answers = page.locator('[data-part="message"][data-role="assistant"]');
  const answer = answers.last();
  return {
    prompt: page.getByLabel("Your message"),
    send: page.getByRole("button", { name: "Send" }),
    stop: page.getByRole("button", { name: "Stop" }),
    answers,
    answer,
    answerText: answer.locator('[data-part="body"]'),
    note: answer.locator('[data-part="note"]'),
    error: answer.locator('[data-part="error"]'),
    status: page.locator('[data-part="status"]'),
    questions: page.locator('[data-part="message"][data-role="user"]'),
    conversations: page.locator('[data-part="conversations"] > li'),

    /** Sends by Enter. */
    async ask(question: string): Promise<void> {
      await page.locator('[data-part="prompt"]').fill(question);
      await page.keyboard.press("Enter");
    },

    /** Sends and waits for the end of the answer, whichever it is. Returns its text. */
    async askAndWait(question: string): Promise<string> {
      const before = await answers.count();
      await this.ask(question);
      await answers.nth(before).waitFor();
      await ended(answers.nth(before));
      return (await answers.nth(before).locator('[data-part="body"]').innerText()).trim();
    },
  };
}

/** Resolves when the message no longer grows. */
export async function ended(message: Locator): Promise<void> {
  await message.and(message.page().locator(':not([data-state="streaming"])')).waitFor();
}

/**
 * Makes the page's requests ask for a long answer: noise from a flat distribution goes on for hundreds of tokens. The request, the
 * model and the stream are the real ones; the page itself never sets a temperature.
 */
export async function askForNoise(page: Page): Promise<void> {
  await page.route("**/v1/chat/completions", async (route) => {
    // The page's own request, in the API's schema.
    const body = route.request().postDataJSON() as Record<string, unknown>;
    await route.continue({ postData: { ...body, temperature: 2, top_p: 1, top_k: 0, seed: 5, max_tokens: 900 } });
  });
}

const chunk = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;

/** Answers the page's next requests with this text, as the API would stream it: for what no honest model says. */
export async function answerWith(page: Page, text: string): Promise<void> {
  await page.route("**/v1/chat/completions", async (route) => {
    const pieces = text.match(/[\s\S]{1,7}/g) ?? [];
    const body = [
      ...pieces.map((content) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      "data: [DONE]\n\n",
    ].join("");
    await route.fulfill({ contentType: "text/event-stream", body });
  });
}
