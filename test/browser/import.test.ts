import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OPENAI_DAMAGES } from "../support/export-damages.ts";
import { type Damage, exportText } from "../support/export-files.ts";
import { zipOf } from "../support/zip-writer.ts";
import { faultsOf, LOOKS, shoot } from "./looks.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();
let folder: string;
let zip: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "porchlight-import-"));
  zip = join(folder, "export.zip");
  const damaged = new Map<number, Damage>(OPENAI_DAMAGES.slice(0, 20).map((damage, at) => [at * 7 + 3, damage]));
  const text = [...exportText("openai", 300, damaged)].join("");
  await writeFile(zip, zipOf([{ name: "conversations.json", bytes: Buffer.from(text) }]));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

it("imports a zip with damaged entries, says what is wrong with each, and adds nothing the second time", async () => {
  const { page } = await visit({ path: "/import" });
  await page.getByLabel("Export file").setInputFiles(zip);
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByText("Done: 281 imported, 0 were here already, 19 left out.").waitFor();
  const rows = page.locator('[data-part="import-problem-list"] > li');
  expect(await rows.count()).toBe(20);
  expect(await rows.first().innerText()).toMatch(/^Entry 4 · Talk 3[^]*left out[^]*Its JSON is broken\.$/);
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByText("Done: 0 imported, 281 were here already, 19 left out.").waitFor();
  expect(await rows.count()).toBe(20);

  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download all" }).click();
  const file = await (await download).path();
  expect((await readFile(file, "utf8")).trimEnd().split("\n")).toHaveLength(281);
  expect((await download).suggestedFilename()).toBe("sessions.ndjson");
});

it("says what is wrong with a file that is no export, stops when told, and goes on after the network was gone", async () => {
  const { page, context, problems } = await visit({ path: "/import" });
  await page
    .getByLabel("Export file")
    .setInputFiles({ name: "x.json", mimeType: "text/html", buffer: Buffer.from("<p>") });
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByText("This is no export file").waitFor();
  await page.getByText("Done: 0 imported, 0 were here already, 1 left out.").waitFor();

  const text = [...exportText("claude", 120)].join("");
  const more = { name: "conversations.json", mimeType: "application/json", buffer: Buffer.from(text) };
  await page.getByLabel("Export file").setInputFiles(more);
  await context.setOffline(true);
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.waitForTimeout(300);
  await context.setOffline(false);
  await page.getByText("Done: 120 imported").waitFor();
  expect(problems.every((problem) => problem.includes("ERR_INTERNET_DISCONNECTED"))).toBe(true);
  problems.length = 0;

  await page.route("**/api/sessions/import", async () => {
    // Never answered.
  });
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped: 0 imported").waitFor();
});

it.each(LOOKS)("fits the screen in %s at %d pixels, %s", async (locale, width, colorScheme) => {
  const { page } = await visit({ path: "/import", locale, colorScheme, viewport: { width, height: 844 } });
  await shoot(page, `import-empty-${locale}-${width}-${colorScheme}`);
  await page.locator("#import-file").setInputFiles(zip);
  await page.locator('[data-part="import-start"]').click();
  await page.locator('[data-part="import-done"]:not([hidden])').waitFor();
  expect(await faultsOf(page)).toEqual([]);
  await shoot(page, `import-${locale}-${width}-${colorScheme}`);
});
