import { expect, it } from "vitest";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit, stack } = useVisitors();

it("schedules a prompt, shows when it comes, runs it, and pauses, changes and deletes it", async () => {
  const { page, problems } = await visit({ path: "/schedules", timezoneId: "Europe/Berlin" });
  await page.getByRole("heading", { name: "Nothing is scheduled." }).waitFor();
  const form = page.locator('[data-flow="make-schedule"]');
  expect(await form.getByLabel("Time zone").inputValue()).toBe("Europe/Berlin");
  const times = form.locator('[data-part="times"] li');
  await expect.poll(() => times.allInnerTexts()).toHaveLength(5);
  await shoot(page, "schedules-empty");
  await form.getByLabel("Prompt").fill("What can you do?");
  await form.getByLabel("When").selectOption("weekly");
  await form.getByLabel("Mon", { exact: true }).uncheck();
  await form.getByText("Choose a day of the week.").waitFor();
  await form.getByRole("button", { name: "Schedule it" }).click();
  await expect.poll(() => form.locator('[data-part="form-error"]').innerText()).toBe("Choose a day of the week.");
  await form.getByLabel("Sat", { exact: true }).check();
  await form.getByLabel("Time", { exact: true }).fill("07:15");
  await expect.poll(async () => (await times.allInnerTexts()).every((time) => /^Sat.*7:15/.test(time))).toBe(true);
  await form.getByLabel("When").selectOption("cron");
  const words = form.getByLabel("Words, or a cron expression");
  await words.fill("* * * * *");
  await form.getByText("That is too often. Leave 15 minutes between two runs.").waitFor();
  await words.fill("every weekday at 7:15");
  await expect.poll(() => times.count()).toBe(5);
  await form.getByRole("button", { name: "Schedule it" }).click();

  const row = page.locator("[data-schedule]");
  await row.getByText(/every weekday at 7:15\sAM \(Europe\/Berlin\)/).waitFor();
  await row.getByText(/^next: \w+, \w+ \d+, 7:15\sAM$/).waitFor();
  await row.getByRole("button", { name: "Run now" }).click();
  await row.getByText(/^last: .* done · in a conversation/).waitFor({ timeout: 20_000 });
  await row.locator("summary", { hasText: "Runs" }).focus();
  await page.keyboard.press("Enter");
  await row.locator('[data-part="run-list"] li', { hasText: "done" }).waitFor();
  await row.getByRole("button", { name: "Hide" }).press("Enter");
  await row.getByRole("button", { name: "Pause" }).click();
  await row.getByText("Paused", { exact: true }).waitFor();
  expect(await row.locator('[data-part="next"]').isVisible()).toBe(false);
  await row.getByRole("button", { name: "Go on" }).click();
  await row.getByText("On", { exact: true }).waitFor();
  await row.locator("summary", { hasText: "Edit" }).click();
  const edit = row.locator("form[data-flow='change-schedule']");
  expect(await edit.getByLabel("Prompt").inputValue()).toBe("What can you do?");
  await edit.getByLabel("When").selectOption("monthly");
  await edit.getByLabel("Day of the month").selectOption("L");
  await edit.getByRole("button", { name: "Save" }).click();
  await row.getByText(/on the last day of the month at 7:15\sAM/).waitFor();
  await row.getByRole("button", { name: "Delete" }).click();
  await page.getByText("Delete “What can you do?”? Its answers stay where they landed.").waitFor();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByRole("heading", { name: "Nothing is scheduled." }).waitFor();
  // What is too often is a 400 in the console.
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("400")));
});

it.each(LOOKS)("fits the screen in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { apiKey, origin, model } = stack();
  const post = async (path: string, body: object) =>
    await fetch(origin + path, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const timeZone = "America/Argentina/ComodRivadavia";
  const { id: webhookId } = (await (await post("/api/webhooks", { url: "https://hooks.example.com/x" })).json()) as {
    id: string; // our own route
  };
  const plan = { model, timeZone, webhookId };
  await post("/api/schedules", {
    ...plan,
    prompt: `Write about ${"x".repeat(90)} ${"and more ".repeat(40)}`,
    cron: "*/20 8-18 1-7 * mon",
  });
  const made = await post("/api/schedules", {
    ...plan,
    title: "早安",
    prompt: "用一句话说早安。",
    cron: "0 8 * * 1,3,5",
  });
  const { id } = (await made.json()) as { id: string }; // our own route
  await post(`/api/schedules/${id}/run`, {});
  const { page } = await visit({ path: "/schedules", locale, colorScheme, viewport: { width, height: 844 } });
  const row = page.locator(`[data-schedule="${id}"]`);
  await expect.poll(() => row.locator('[data-part="last"]').innerText(), { timeout: 20_000 }).toMatch(/done|已完成/);
  expect(await faultsOf(page)).toEqual([]);
  await shoot(page, `schedules-${locale}-${width}-${colorScheme}`);
  await row.locator("summary").first().click();
  await row.locator("summary").last().click();
  await expect.poll(() => row.locator('[data-part="times"] li').count()).toBe(5);
  expect(await faultsOf(page)).toEqual([]);
  await shoot(page, `schedules-open-${locale}-${width}-${colorScheme}`);
});
