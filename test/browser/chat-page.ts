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
    questions: page.locator('[data-part="message"][data-role="user"] [data-part="body"]'),
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

/** What the page says in a conversation. */
export const SAYS = "**/api/sessions/*/turns";

/** A conversation that is there already, by the way that any comes in. Returns its id. */
export async function importConversation(page: Page, title: string, turns: [string, string][]): Promise<string> {
  const nowMs = Date.now();
  const said = turns.map(([question, content]) => ({
    createdAtMs: nowMs,
    model: "",
    state: "complete",
    messages: [
      { role: "user", content: question },
      { role: "assistant", content },
    ],
  }));
  const from = { kind: "porchlight", id: `test-${crypto.randomUUID()}` };
  const session = { from, title, createdAtMs: nowMs, updatedAtMs: nowMs, settings: {}, turns: said };
  const answer: unknown = await page.evaluate(
    async (body) => {
      const headers = { "content-type": "application/json" };
      return await (await fetch("/api/sessions/import", { method: "POST", headers, body })).json();
    },
    JSON.stringify({ sessions: [session] }),
  );
  const { sessions } = answer as { sessions: { id: string }[] }; // our own API's answer
  return sessions[0]?.id ?? "";
}

/**
 * Makes the page's requests ask for a long answer: a strong repetition penalty also falls on the end-of-turn token, so the model
 * talks on to the limit, for about a second. Request, model and stream are the real ones; the page itself never sets a penalty.
 */
export async function askForLength(page: Page): Promise<void> {
  await page.route(SAYS, async (route) => {
    // The page's own request, in the API's schema.
    const body = route.request().postDataJSON() as Record<string, unknown>;
    await route.continue({ postData: { ...body, temperature: 0, repetition_penalty: 10, max_tokens: 900 } });
  });
}

/** Makes the page's requests ask for the likeliest answer: a small model does not always call a tool that it should. */
export async function chooseLikeliest(page: Page): Promise<void> {
  await page.route(SAYS, async (route) => {
    const body = route.request().postDataJSON() as Record<string, unknown>; // the page's own request
    await route.continue({ postData: { ...body, temperature: 0 } });
  });
}

/** Runs `action` inside the page as soon as the last answer has this many characters: no round trip in between. */
export async function whenAnswerHas(page: Page, characters: number, action: "stop" | "reload"): Promise<void> {
  await page.evaluate(
    ([least, then]) => {
      const observer = new MutationObserver(() => {
        const bodies = document.querySelectorAll('[data-role="assistant"][data-state="streaming"] [data-part="body"]');
        if ((bodies[bodies.length - 1]?.textContent ?? "").length < least) return;
        observer.disconnect();
        if (then === "reload") location.reload();
        else document.querySelector<HTMLElement>('[data-part="stop"]')?.click();
      });
      observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    },
    [characters, action] as const,
  );
}

/** Lets the page's requests get this text piece by piece, as the API would stream it: slowly enough to act meanwhile. */
export async function answerSlowly(page: Page, text: string, pieceMs: number): Promise<void> {
  await page.evaluate(
    ([whole, waitMs]) => {
      const real = globalThis.fetch;
      globalThis.fetch = async (...parameters) => {
        const [to] = parameters;
        if (typeof to === "string" && to.endsWith("/cancel")) return new Response();
        if (typeof to !== "string" || !to.endsWith("/turns")) return await real(...parameters);
        const pieces = whole.match(/[\s\S]{1,40}/g) ?? [];
        const body = new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, waitMs));
            const content = pieces.shift();
            const choice = content === undefined ? { delta: {}, finish_reason: "stop" } : { delta: { content } };
            controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify({ choices: [choice] })}\n\n`));
            if (content === undefined) controller.close();
          },
        });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      };
    },
    [text, pieceMs] as const,
  );
}

const chunk = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;

/** Answers the page's next requests with this text, as the API would stream it: for what no honest model says. */
export async function answerWith(page: Page, text: string): Promise<void> {
  await page.route(SAYS, async (route) => {
    const pieces = text.match(/[\s\S]{1,7}/g) ?? [];
    const body = [
      ...pieces.map((content) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
      "data: [DONE]\n\n",
    ].join("");
    await route.fulfill({ contentType: "text/event-stream", body });
  });
}
