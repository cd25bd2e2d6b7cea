import type { Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import { expect, it } from "vitest";
import { permissionsSchema } from "../../shared/plugin/manifest.ts";
import { makePackage } from "../support/market.ts";
import { chatOn } from "./chat-page.ts";
import { lookAt } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();
const KNOWING = `export default { knowledge: {
  description: "Knows cats.",
  search: () => [{ title: "Cats", text: "Cats sleep a lot.", url: "https://cats.example/1" }],
} };`;
const LISTENER = `export default {
  webhook({ input }) { return { heard: input.body.length }; },
  hooks: { beforeTurn() { return "x"; } },
  schedule: { every: "0 8 * * 1-5", run() {} },
};`;

/** As a sender sends: from elsewhere, with nothing of the page's. */
async function post(url: string, secret: string, value: unknown): Promise<Response> {
  const body = JSON.stringify(value);
  const [id, at] = [crypto.randomUUID(), new Date()];
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
  return await fetch(url, { method: "POST", headers, body });
}

async function install(page: Page, code: string, name: string, permissions: object): Promise<void> {
  const draft = { permissions: permissionsSchema.parse(permissions) };
  const { bytes } = await makePackage({ name, version: "1.0.0", code, draft });
  await page.getByLabel("Package").setInputFiles({ name: "l.plugin", mimeType: "", buffer: Buffer.from(bytes) });
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByRole("heading", { name: `${name} 1.0.0` }).waitFor();
}

it("searches knowledge before an answer where a conversation is set to it, and shows what it found", {
  timeout: 120_000,
}, async () => {
  const { page, problems } = await visit({ path: "/plugins" });
  await install(page, KNOWING, "@ada/cats", {});
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  await page.getByText("is searched before answers, where that is set").waitFor();
  await page.goto("/");
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  await chat.askAndWait("Do cats sleep?");
  const sent = page.getByRole("dialog");
  const traceText = async (): Promise<string> => {
    await chat.answer.getByRole("button", { name: "What was sent" }).last().click();
    const text = await sent.innerText();
    await sent.getByRole("button", { name: "Close" }).click();
    return text;
  };
  expect(await traceText()).not.toContain("Source");
  await page.getByRole("button", { name: "This conversation" }).click();
  await page.getByLabel("Plugins with knowledge").selectOption("on");
  await page.getByRole("button", { name: "Save" }).click();
  await chat.askAndWait("And dogs?");
  expect(await traceText()).toMatch(/Source \[1\], from @ada\/cats\s+Cats\s+https:\/\/cats\.example\/1/);
  expect(problems).toEqual([]);
});

it("makes an address for a plugin, shows what came, pauses, rotates and ends it", { timeout: 120_000 }, async () => {
  const { page, problems } = await visit({ path: "/plugins" });
  await install(page, LISTENER, "@ada/listener", { turns: "read", schedule: true });
  expect(await page.locator('[data-part="consent-list"] li').allInnerTexts()).toEqual([
    "Read what you ask in conversations and what is answered, and add to it",
    "Run by itself at set times",
  ]);
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  const own = page.locator('[data-plugin="@ada/listener"]');
  await own.getByText("Beside tools: takes what others send to an address that you make").waitFor();
  expect(await own.getByText("runs next").count()).toBe(1);
  await own.getByRole("link", { name: "Inbound webhooks" }).click();
  await page.getByText("There are none yet.").waitFor();
  await lookAt(page, "hooks-empty");

  await page.getByLabel("Name").fill("Builds");
  await page.getByLabel("Where to").selectOption("@ada/listener");
  await page.getByRole("button", { name: "Make it" }).click();
  const codes = page.locator('[data-part="hook-secret"] code');
  await codes.first().waitFor();
  const [url = "", secret = ""] = await codes.allInnerTexts();
  expect(secret).toMatch(/^whsec_/);
  const answer = await post(url, secret, { step: 3 });
  expect([answer.status, await answer.json()]).toEqual([200, { heard: 10 }]);
  expect((await post(url, `whsec_${btoa("x".repeat(32))}`, {})).status).toBe(401);
  await page.getByRole("link", { name: "I have kept them" }).click();
  const row = page.locator("[data-hook]");
  await row.getByText("turned away for a wrong signature: 1").waitFor();
  expect(await page.content()).not.toContain(secret);
  await row.getByText("What came").click();
  await lookAt(page, "hooks");
  await row.getByRole("link", { name: /^Done/ }).click();
  await page.getByRole("heading", { name: "Message", exact: true }).waitFor();
  expect(await page.locator("pre").allInnerTexts()).toContain('{"step":3}');
  await lookAt(page, "hook-message");
  await page.goBack();

  const anew = async (click: Promise<void>): Promise<unknown> => await Promise.all([page.waitForEvent("load"), click]);
  await anew(row.getByRole("button", { name: "Pause" }).click());
  expect((await post(url, secret, {})).status).toBe(404);
  await anew(row.getByRole("button", { name: "Go on" }).click());
  await row.getByRole("button", { name: "New secret" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await codes.first().waitFor();
  expect((await post(url, secret, {})).status).toBe(200);
  expect((await post(url, (await codes.allInnerTexts())[1] ?? "", {})).status).toBe(200);
  await page.getByRole("link", { name: "I have kept them" }).click();
  await row.getByRole("button", { name: "End it" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByText("There are none yet.").waitFor();
  expect((await post(url, secret, {})).status).toBe(404);
  expect(problems).toEqual([]);
});

it("leads into a conversation, and speaks Chinese", { timeout: 120_000 }, async () => {
  const { page, problems } = await visit({ path: "/hooks", locale: "zh-CN" });
  await page.getByLabel("名称").fill("构建".repeat(20) + "w".repeat(40));
  await page.getByLabel("交给谁").selectOption("");
  await page.getByLabel("让模型怎么处理每条消息").fill("哪一步失败了？");
  await page.getByRole("button", { name: "新建" }).click();
  const codes = page.locator('[data-part="hook-secret"] code');
  await codes.first().waitFor();
  const [url = "", secret = ""] = await codes.allInnerTexts();
  expect((await post(url, secret, { step: 3 })).status).toBe(202);
  await page.goto("/hooks");
  await page.getByText("进入单独的对话").first().waitFor();
  await lookAt(page, "hooks-zh");
  expect(problems).toEqual([]);
});
