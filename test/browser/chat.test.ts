import { describe, expect, it } from "vitest";
import { askForLength, chatOn, ended, whenAnswerHas } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();

describe("chat", () => {
  it("streams an answer of the model at home", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await askForLength(page);
    await page.evaluate(() => {
      const lengths: number[] = [];
      Object.assign(globalThis, { lengths });
      new MutationObserver(() => {
        const body = document.querySelector('[data-role="assistant"] [data-part="body"]');
        lengths.push(body?.textContent?.length ?? 0);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await chat.ask("Hello!");
    await ended(chat.answer);
    const lengths = await page.evaluate(() => Reflect.get(globalThis, "lengths"));
    // It came in many pieces, not all at once at the end.
    expect(new Set(lengths).size).toBeGreaterThan(5);
  });

  it("answers what it is asked, and says how fast", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await chat.status.getByText("Online").waitFor();
    expect(await page.getByLabel("Model").inputValue()).toBe("starter");
    expect(await chat.askAndWait("What can you do?")).toMatch(/call tools/i);
    expect(await chat.note.innerText()).toMatch(/^\d+ tokens/);
    expect(await page.locator('[data-part="window-note"]').innerText()).toBe("The model sees the last 8 turns.");
    expect(await page.title()).toBe("What can you do? · Porchlight");
  });

  it("sends a suggestion with one click", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await page.getByRole("button", { name: "Are my messages private?" }).click();
    await chat.answer.waitFor();
    await ended(chat.answer);
    expect(await chat.answerText.innerText()).toMatch(/home machine/i);
  });

  it("remembers the turns before", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await chat.askAndWait("My name is Ada. Remember it.");
    expect(await chat.askAndWait("What is my name?")).toMatch(/Ada/);
  });

  it("stops when told to, keeps what had come, and the model is free again", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await askForLength(page);
    await whenAnswerHas(page, 60, "stop");
    await chat.ask("Hello!");
    await chat.answer.waitFor();
    await ended(chat.answer);
    const text = await chat.answerText.innerText();
    expect(text.length).toBeGreaterThan(50);
    expect(await chat.note.innerText()).toBe("Stopped.");
    await page.waitForTimeout(300);
    expect(await chat.answerText.innerText()).toBe(text);
    await page.unroute("**/v1/chat/completions");
    await page.keyboard.press("Control+k");
    expect(await chat.askAndWait("What can you do?")).toMatch(/call tools/i);
  });

  it("answers again, and copies the answer", async () => {
    const { page, context } = await visit();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const chat = chatOn(page);
    const first = await chat.askAndWait("What can you do?");
    await page.getByRole("button", { name: "Answer again" }).click();
    await ended(chat.answer);
    expect(await chat.answers.count()).toBe(1);
    expect(await chat.answerText.innerText()).toBe(first);
    await page.getByRole("button", { name: "Copy the answer" }).click();
    await page.getByText("Copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(first);
  });

  it("leaves out what the model's context has no room for, and says so", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    const filler = "The lamp on the porch is warm and bright tonight. ".repeat(18);
    for (let turn = 0; turn < 3; turn++) {
      await chat.askAndWait(`${filler} Turn ${turn}.`);
      expect(await chat.error.isVisible()).toBe(false);
    }
    expect(await page.locator('[data-part="window-note"]').innerText()).toMatch(/more does not fit/);
    expect(await page.getByText("The model sees the messages from here on").count()).toBe(1);
  });

  it("says that one message alone is too long, with the API's numbers", async () => {
    const { page, problems } = await visit();
    const chat = chatOn(page);
    await chat.askAndWait("porch ".repeat(1200));
    expect(await chat.error.innerText()).toMatch(/1024/);
    expect(problems.splice(0)).toEqual([expect.stringContaining("400 (Bad Request)")]);
  });
});

describe("conversations", () => {
  it("survive a reload, and an answer goes on through it", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    const first = await chat.askAndWait("What can you do?");
    await askForLength(page);
    await whenAnswerHas(page, 60, "reload");
    const reloaded = page.waitForEvent("load");
    await chat.ask("Go on.");
    await reloaded;
    await chat.answers.nth(1).waitFor();
    expect(await chat.answers.first().locator('[data-part="body"]').innerText()).toBe(first);
    await ended(chat.answer);
    expect(await chat.error.isVisible()).toBe(false);
    expect((await chat.answerText.innerText()).length).toBeGreaterThan(1000);
  });

  it("are listed, opened, deleted and brought back", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await chat.askAndWait("What can you do?");
    await page.getByRole("button", { name: "New conversation" }).first().click();
    expect(await chat.answers.count()).toBe(0);
    await page.getByText("The light is on.").waitFor();
    await chat.askAndWait("Tell me a joke");
    expect(await chat.conversations.allInnerTexts()).toEqual(["Tell me a joke", "What can you do?"]);
    await chat.conversations.nth(1).getByRole("button").first().click();
    expect(await chat.questions.allInnerTexts()).toEqual(["What can you do?"]);
    await chat.conversations.nth(1).hover();
    await page.getByRole("button", { name: "Delete the conversation “What can you do?”" }).click();
    expect(await chat.conversations.count()).toBe(1);
    expect(await chat.questions.count()).toBe(0);
    await page.getByRole("button", { name: "Undo" }).click();
    expect(await chat.questions.allInnerTexts()).toEqual(["What can you do?"]);
    await page.reload();
    expect(await chat.conversations.count()).toBe(2);
  });

  it("show up in another tab", async () => {
    const { page, context } = await visit();
    const other = await context.newPage();
    await other.goto("/");
    await chatOn(page).askAndWait("Tell me a joke");
    await chatOn(other).conversations.getByText("Tell me a joke").waitFor();
  });

  it("do not break on what somebody else stored", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await chat.askAndWait("What can you do?");
    await page.evaluate(() => {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith("porchlight/conversation/"));
      const prefix = keys[0]?.slice(0, keys[0].lastIndexOf("/") + 1) ?? "";
      ["{", "null", '{"version":1}', '{"version":99}'].forEach((text, index) => {
        localStorage.setItem(`${prefix}broken-entry-${index}`, text);
      });
      localStorage.setItem("porchlight/model", "no such model");
    });
    await page.reload();
    expect(await chat.conversations.count()).toBe(1);
    expect(await chat.askAndWait("Tell me a joke")).not.toBe("");
  });
});
