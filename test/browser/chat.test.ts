import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { askForLength, chatOn, ended, importConversation, SAYS, whenAnswerHas } from "./chat-page.ts";
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
    await page.getByText("The model sees the last 8 turns.").waitFor();
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
    await page.unroute(SAYS);
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
    await page.getByText(/more does not fit/).waitFor();
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
    const titles = async () => (await chat.conversations.allInnerTexts()).slice(0, 2);
    expect(await titles()).toEqual(["Tell me a joke", "What can you do?"]);
    await chat.conversations.nth(1).getByRole("button").first().click();
    expect(await chat.questions.allInnerTexts()).toEqual(["What can you do?"]);
    const count = await chat.conversations.count();
    const remove = async (): Promise<void> => {
      await chat.conversations.nth(1).hover();
      await chat.conversations
        .nth(1)
        .getByRole("button", { name: "Delete the conversation “What can you do?”" })
        .click();
      expect(await chat.conversations.count()).toBe(count - 1);
    };
    await remove();
    expect(await chat.questions.count()).toBe(0);
    await page.getByRole("button", { name: "Undo" }).click();
    await chat.questions.getByText("What can you do?").waitFor();
    await page.reload();
    await chat.questions.getByText("What can you do?").waitFor();
    expect(await titles()).toEqual(["Tell me a joke", "What can you do?"]);
    // What is not taken back is gone when the page is.
    await remove();
    await page.reload();
    await expect.poll(async () => await chat.conversations.count()).toBe(count - 1);
  });

  it("show up in another tab", async () => {
    const { page, context } = await visit();
    const other = await context.newPage();
    await other.goto("/");
    await chatOn(page).askAndWait("Do you know the other tab?");
    await chatOn(other).conversations.getByText("Do you know the other tab?").waitFor();
    // A tab that has it open shows what is said in it.
    await chatOn(other).conversations.first().getByRole("button").first().click();
    await chatOn(page).askAndWait("Tell me a joke");
    await chatOn(other).questions.getByText("Tell me a joke").waitFor();
    await ended(chatOn(other).answer);
    const answers = await Promise.all([page, other].map(async (one) => await chatOn(one).answerText.innerText()));
    expect(answers[1]).toBe(answers[0]);
  });

  it("that a browser kept come over, and what somebody else stored harms nothing", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await page.evaluate(() => {
      const data: unknown = JSON.parse(document.querySelector("#page-data")?.textContent ?? "");
      const prefix = `porchlight/conversation/${Reflect.get(Object(data), "account")}/`;
      const messages = [
        { role: "user", content: "Which trees did I keep?", state: "done" },
        { role: "assistant", content: "Oaks.", state: "done" },
      ];
      const conversation = { id: "kept-in-a-browser", title: "Kept trees", createdAt: 1, updatedAt: 2, messages };
      localStorage.setItem(`${prefix}kept-in-a-browser`, JSON.stringify({ version: 1, conversation }));
      ["{", "null", '{"version":1}', '{"version":99}'].forEach((text, index) => {
        localStorage.setItem(`${prefix}broken-entry-${index}`, text);
      });
      localStorage.setItem("porchlight/model", "no such model");
    });
    await page.reload();
    await chat.conversations.getByText("Kept trees").click();
    await chat.answerText.getByText("Oaks.").waitFor();
    expect(
      await page.evaluate(() => Object.keys(localStorage).filter((key) => key.endsWith("kept-in-a-browser"))),
    ).toEqual([]);
    expect(await chat.askAndWait("Tell me a joke")).not.toBe("");
  });

  it("are there in another browser, and go on there while they are answered", async () => {
    const [{ page }, { page: other }] = [await visit(), await visit()];
    const chat = chatOn(page);
    await chat.askAndWait("My boat is called Heron.");
    await askForLength(page);
    await chat.ask("Tell me of it.");
    await chat.answerText.filter({ hasText: /\S/ }).waitFor();
    await other.reload();
    await chatOn(other).conversations.getByText("My boat is called Heron.").click();
    await chatOn(other).answer.and(other.locator('[data-state="streaming"]')).waitFor();
    await Promise.all([ended(chat.answer), ended(chatOn(other).answer)]);
    expect(await chatOn(other).answerText.innerText()).toBe(await chat.answerText.innerText());
  });

  it("are found by what was said in them, and opened there", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    const turns = Array.from({ length: 50 }, (_, n): [string, string] => [
      `Question ${n}`,
      n === 4 ? "A quokka." : "Yes.",
    ]);
    await importConversation(page, "Animals", turns);
    await page.getByRole("searchbox", { name: "Search conversations" }).fill("quokka");
    await page.getByRole("button", { name: /^Animals/ }).click();
    await page.locator("[data-found]").filter({ hasText: "Question 4" }).waitFor();
    expect(await chat.questions.count()).toBe(49);
    await page.getByRole("button", { name: "Earlier messages" }).click();
    await expect.poll(async () => await chat.questions.count()).toBe(50);
    await page.getByRole("searchbox").fill("no such word anywhere");
    await page.getByText("Nothing was found.").waitFor();
    await page.getByRole("searchbox").press("Escape");
    await chat.conversations.getByText("Animals").waitFor();
  });

  it("are named, set and copied", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await importConversation(page, "Rivers", [
      ["One?", "The Tagus."],
      ["Two?", "The Rhine."],
    ]);
    await page.reload();
    await chat.conversations.getByText("Rivers").click();
    await chat.answerText.getByText("The Rhine.").waitFor();
    await page.getByRole("button", { name: "This conversation" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Markdown" }).click(),
    ]);
    expect(await readFile(await download.path(), "utf8")).toMatch(/Rivers[\s\S]*The Tagus\.[\s\S]*The Rhine\./);
    await page.getByLabel("Title").fill("Great rivers");
    await page.getByLabel("Turns sent word for word").fill("1");
    await page.getByLabel("Instructions for this conversation").fill("Be brief.");
    await page.getByRole("button", { name: "Save" }).click();
    await chat.askAndWait("Tell me a joke");
    await page.getByText("The model sees the last turn.").waitFor();
    await page.getByText("The model sees the messages from here on").waitFor();
    await chat.answer.getByRole("button", { name: "What was sent" }).click();
    const trace = page.getByRole("dialog");
    expect(await trace.innerText()).toMatch(/Turns, word for word\s+2 to 2[\s\S]*Instructions\s+Be brief\./);
    await trace.getByRole("button", { name: "Close" }).click();
    await chat.answers.first().getByRole("button", { name: "Go on from here in a new conversation" }).click();
    await page.getByText("This is a copy").waitFor();
    expect(await chat.questions.allInnerTexts()).toEqual(["One?"]);
    await page.reload();
    await chat.answerText.getByText("The Tagus.").waitFor();
    expect(await chat.questions.allInnerTexts()).toEqual(["One?"]);
    expect((await chat.conversations.allInnerTexts()).filter((title) => title === "Great rivers")).toHaveLength(2);
  });
});
