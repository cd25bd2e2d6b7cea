import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

let receiver: Server;
let received: string[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    received.push(String(request.headers["webhook-id"]));
    response.writeHead(received.length === 1 ? 500 : 204).end();
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  // An edge of one's own may send to a host that its owner allows.
  process.env["PORCHLIGHT_WEBHOOK_HOSTS"] = hostOf(receiver);
});
afterAll(async () => {
  delete process.env["PORCHLIGHT_WEBHOOK_HOSTS"];
  receiver.closeAllConnections();
  await new Promise((done) => receiver.close(done));
});

const hostOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP

const { visit, stack } = useVisitors();

it("says what to do while nothing waits; a job waits for the machine, runs by itself, and its answer is read by keyboard", async () => {
  const { page, problems } = await visit({ path: "/jobs" });
  await page.getByRole("heading", { name: "Nothing waits here." }).waitFor();
  await shoot(page, "jobs-empty");
  await stack().killAgent();
  await page.getByLabel("Question").fill("What can you do?");
  await page.getByLabel("Question").press("Tab");
  for (const _ of ["model", "priority"]) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const row = page.locator("[data-job]");
  await row.waitFor();
  await expect.poll(() => row.innerText()).toMatch(/What can you do\?\s+Waiting/);
  expect(await row.innerText()).toContain("place 1 in line");
  expect(await row.innerText()).toContain("starts when a machine can take it");
  await shoot(page, "jobs-waiting");
  await stack().startAgent();
  await row.getByText("Done", { exact: true }).waitFor();
  const answer = row.locator("summary", { hasText: "Answer" });
  await answer.focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => row.locator('[data-part="answer-text"]').innerText()).toMatch(/tools|text|chat/);
  await row.getByRole("button", { name: "Hide the answer" }).press("Enter");
  await expect.poll(() => row.locator("details").getAttribute("open")).toBeNull();
  expect(await answer.evaluate((element) => element === document.activeElement)).toBe(true);
  await row.getByRole("button", { name: "Forget" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await row.waitFor({ state: "detached" });
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("503")));
});

it("adds a webhook, shows its secret once, and tells what came of each message", async () => {
  const { page, problems } = await visit({ path: "/jobs" });
  const url = page.getByLabel("Address");
  await url.fill("https://10.0.0.1/hook");
  await page.getByRole("button", { name: "Add the webhook" }).click();
  await page.getByText("This address is not on the public Internet.").waitFor();
  await url.fill(`http://${hostOf(receiver)}/hook`);
  await page.getByRole("button", { name: "Add the webhook" }).click();
  const secret = page.locator('[data-part="webhook-secret"] code');
  await expect.poll(() => secret.innerText()).toMatch(/^whsec_/);
  await shoot(page, "jobs-secret");
  await page.getByRole("link", { name: "I have kept it" }).click();
  const row = page.locator("[data-webhook]");
  await row.getByText("nothing sent yet").waitFor();
  await row.getByRole("button", { name: "Send a test" }).click();
  await row.getByText("last message not delivered yet: it answered 500").waitFor();
  // The second try comes by itself after five seconds, with the same id.
  await row.getByText("last message delivered").waitFor({ timeout: 15_000 });
  expect([received.length, new Set(received).size]).toEqual([2, 1]);
  await page.reload();
  await row.getByText("Log", { exact: true }).click();
  await row.getByText("tries: 2").waitFor();
  await shoot(page, "jobs-log");
  problems.length = 0; // The refused address is a 400 in the console.
});

it.each(LOOKS)("fits the screen in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { apiKey, origin } = stack();
  const ask = async (content: string, priority: string) =>
    await fetch(`${origin}/api/jobs`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ request: { model: "starter", messages: [{ role: "user", content }] }, priority }),
    });
  await ask(`Write about ${"a very long unbroken word ".repeat(2)}${"x".repeat(60)}`, "normal");
  await ask("Name ten trees and say which of them grow by the sea.", "low");
  const { page } = await visit({ path: "/jobs", locale, colorScheme, viewport: { width, height: 844 } });
  await page.locator('[data-job][data-state="completed"]').first().waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await page.locator("summary").first().click();
  expect(await faultsOf(page)).toEqual([]);
  await shoot(page, `jobs-${locale}-${width}-${colorScheme}`);
});
