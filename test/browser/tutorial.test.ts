import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { runWell } from "../support/command-here.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import { tutorialBlocks } from "../support/tutorial.ts";
import { chatOn, chooseLikeliest } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();
const NAME = "@ada/reading-time";

it("takes the tutorial's plugin from a file, has a model use it, asks again for more, and removes it", {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryFolder();
  const at = join(folder.path, "reading-time");
  const run = async (...words: string[]): Promise<string> =>
    await runWell("plugin", ...words, "--data", join(folder.path, "data"));
  const pack = async (version: string, permissions: object): Promise<string> => {
    const manifest = JSON.parse(await readFile(join(at, "manifest.json"), "utf8")) as object;
    await writeFile(join(at, "manifest.json"), JSON.stringify({ ...manifest, version, permissions }));
    const file = join(folder.path, `${version}.plugin`);
    await run("pack", at, "--out", file);
    await run("sign", file);
    return file;
  };
  vi.stubEnv("NO_COLOR", "1");
  await run("new", NAME, "--out", at);
  const code = (await tutorialBlocks()).find(({ kind }) => kind === "ts")?.text ?? "";
  await writeFile(join(at, "main.ts"), code);
  const first = await pack("0.1.0", {});

  const { page } = await visit({ path: "/plugins" });
  const consent = page.locator('[data-part="consent-list"] li');
  const pick = async (file: string, version: string): Promise<void> => {
    await page.getByLabel("Package").setInputFiles(file);
    await page.getByRole("button", { name: "Look at it" }).click();
    await page.getByRole("heading", { name: `${NAME} ${version}` }).waitFor();
  };
  await pick(first, "0.1.0");
  expect(await consent.allInnerTexts()).toEqual(["Nothing beyond what it is asked"]);
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  const own = page.locator(`[data-plugin="${NAME}"]`);
  await own.waitFor();

  await page.goto("/");
  const chat = chatOn(page);
  await chat.status.getByText("Online").waitFor();
  const question = "What is the reading time of 'One two three'?";
  await chooseLikeliest(page);
  await chat.askAndWait(question);
  const calls = chat.answer.locator('[data-part="calls"]');
  await calls.locator("summary").click();
  expect(await calls.innerText()).toContain("reading-time__estimate was used");
  expect(await calls.innerText()).toMatch(/"words":\s?\d+/);

  await page.goto("/plugins");
  await pick(await pack("0.2.0", { net: ["api.example.com"] }), "0.2.0");
  expect(await consent.allInnerTexts()).toEqual(["Send to and read from the Internet: api.example.com"]);
  // Until somebody says so, the former one is what there is.
  expect(await own.innerText()).toContain("0.1.0");
  await page.getByRole("button", { name: "Install with these permissions" }).click();
  await own.getByText("0.2.0").first().waitFor();
  await own.getByLabel("Send to and read from the Internet: api.example.com").waitFor();

  await own.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await own.waitFor({ state: "detached" });
  await page.goto("/");
  await chat.status.getByText("Online").waitFor();
  await chat.askAndWait(question);
  expect(await chat.answer.locator('[data-part="calls"] summary').count()).toBe(0);
});
