import { describe, expect, it } from "vitest";
import { chatOn } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

describe("languages", () => {
  it("speaks Chinese to a Chinese browser, and English when asked to", async () => {
    const { page } = await visit({ locale: "zh-CN" });
    expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
    await page.getByText("灯亮着。").waitFor();
    await page.getByText("在线", { exact: true }).waitFor();
    await page.getByRole("button", { name: "你能做什么？" }).click();
    await page.locator('[data-role="assistant"]:not([data-state="streaming"])').waitFor();
    await page.getByText("模型能看到最近 8 轮对话。").waitFor();
    expect(await page.locator('[data-role="assistant"] [data-part="body"]').innerText()).toMatch(/工具/);
    await page.getByRole("link", { name: "English" }).click();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(new URL(page.url()).search).toBe("");
    await page.getByText("The model sees the last 8 turns.").waitFor();
    await page.reload();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    await page.goto("/docs");
    await page.getByRole("heading", { name: "API reference" }).waitFor();
  });

  it("leaves no English word among the Chinese labels", async () => {
    const { page } = await visit({ locale: "zh-CN" });
    const labels = await page.evaluate(() =>
      Array.from(document.querySelectorAll("button, a, label, h1, h2, p, textarea"), (element) =>
        [element.getAttribute("aria-label"), element.getAttribute("placeholder"), element.textContent].join(" "),
      ).join(" "),
    );
    const known = /Porchlight|API|English|Enter|Shift|Ctrl K|porchlight up|Markdown|JSON/g;
    expect(labels.replaceAll(known, "").match(/[A-Za-z]{3,}/g) ?? []).toEqual([]);
  });
});

describe("keyboard", () => {
  it("is enough for everything", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    // The page starts in the text box.
    await page.keyboard.type("What can");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("you do?");
    expect(await chat.prompt.inputValue()).toBe("What can\nyou do?");
    await page.keyboard.press("Enter");
    await chat.answer.waitFor();
    expect(await chat.prompt.inputValue()).toBe("");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    expect(await chat.answers.count()).toBe(0);
    expect(await chat.prompt.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it("reaches everything by Tab, with a focus that can be seen, the skip link first", async () => {
    const { page } = await visit();
    const seen: string[] = [];
    // The focus starts in the text box, leaves the page at its end, and comes back at its beginning.
    for (let step = 0; step < 24; step++) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return undefined;
        const framed = element.matches("textarea") ? (element.closest(".composer") ?? element) : element;
        const { outlineStyle, boxShadow } = getComputedStyle(framed);
        const name = element.id || (element.getAttribute("aria-label") ?? element.textContent?.trim() ?? "");
        return { name, visible: outlineStyle !== "none" || boxShadow !== "none" };
      });
      if (focused === undefined) continue;
      expect(focused.visible, focused.name).toBe(true);
      if (focused.name === seen[0]) break;
      seen.push(focused.name);
    }
    expect(seen.slice(0, 2)).toEqual(["Skip to the content", "Porchlight"]);
    for (const name of ["model", "prompt", "Light or dark", "Sign out"]) expect(seen).toContain(name);
  });

  it("does not send while an input method composes", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await chat.prompt.fill("ni hao");
    await chat.prompt.evaluate((element) => {
      for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
        element.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }));
      }
    });
    expect(await chat.questions.count()).toBe(0);
    expect(await chat.prompt.inputValue()).toBe("ni hao");
  });
});

describe("a phone", () => {
  it("has the conversations in a drawer, and nothing wider than the screen", async () => {
    const { page } = await visit({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const chat = chatOn(page);
    await chat.askAndWait("Tell me a joke");
    expect(await chat.conversations.first().isVisible()).toBe(false);
    await page.getByRole("button", { name: "Show conversations" }).tap();
    await chat.conversations.first().waitFor();
    expect(await page.locator('[data-part="room"]').evaluate((room: HTMLElement) => room.inert)).toBe(true);
    await page.keyboard.press("Escape");
    await chat.conversations.first().waitFor({ state: "hidden" });
    for (const path of ["/", "/docs"]) {
      await page.goto(path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
    }
  });
});

describe("theme", () => {
  it("follows the system, and keeps a choice from the first byte on", async () => {
    const { page } = await visit({ colorScheme: "dark" });
    const paper = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await paper();
    await page.getByRole("button", { name: "Light or dark" }).click();
    const light = await paper();
    expect(light).not.toBe(dark);
    const response = await page.reload();
    expect(await response?.text()).toContain('data-theme="light"');
    expect(await paper()).toBe(light);
  });
});

describe("around the chat", () => {
  it("signs out, and asks for a sign-in link then", async () => {
    const { page, problems } = await visit({ path: "/docs" });
    const url = await stack().stack.owner.signInUrl();
    await page.goto(url);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("This door has a key.").waitFor();
    // The address of a link that was used up.
    await page.goto(url);
    await page.getByRole("link", { name: "Read the API reference" }).waitFor();
    expect(await page.locator("body").evaluate((body) => getComputedStyle(body).margin)).toBe("0px");
    expect(problems.splice(0)).toEqual([expect.stringContaining("401"), expect.stringContaining("410")]);
  });

  it("shows the API reference without a script, and to everybody", async () => {
    const { page } = await visit({ path: "/docs", anonymous: true, javaScriptEnabled: false });
    await page.getByRole("heading", { name: "POST /v1/chat/completions", exact: true }).waitFor();
    expect(await page.locator("body").innerText()).toContain(`curl ${stack().origin}/v1/chat/completions`);
    expect(await page.getByRole("button", { name: "Copy the code" }).first().isVisible()).toBe(false);
  });

  it("copies a sample of the reference", async () => {
    const { page, context } = await visit({ path: "/docs" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy the code" }).first().click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("/v1/chat/completions");
  });

  it("answers an unknown address with a page", async () => {
    const { page, problems } = await visit({ path: "/nowhere" });
    await page.getByText("Nobody lives at this address.").waitFor();
    expect(problems.splice(0)).toEqual([expect.stringContaining("404")]);
  });

  it("sends the policy that keeps everything else out", async () => {
    const { page } = await visit();
    const response = await page.reload();
    const file = await page.request.get("/assets/chat.js");
    expect(file.headers()).toMatchObject({ "x-content-type-options": "nosniff", etag: expect.any(String) });
    expect(response?.headers()["content-security-policy"]).toMatch(
      /default-src 'none'; script-src 'self'; style-src 'self'/,
    );
  });
});
