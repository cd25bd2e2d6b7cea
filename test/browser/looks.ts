import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type Axe from "axe-core";
import type { Page } from "playwright-core";

/** Languages, widths and colours that every page is looked at in. */
export const LOOKS = [
  ["en", 1280, "light"],
  ["en", 390, "dark"],
  ["zh-CN", 390, "light"],
  ["zh-CN", 1280, "dark"],
] as const;

/** What is wrong with a page as it is: wider than its window, or something that axe finds. Empty is good. */
export async function faultsOf(page: Page): Promise<string[]> {
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof Axe }; // put there a line before
    const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
  return [...(widths[0] > widths[1] ? [`${widths[0]} pixels wide`] : []), ...violations];
}

/** Leaves a picture in the folder that SHOTS names, if it names one. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env["SHOTS"];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
