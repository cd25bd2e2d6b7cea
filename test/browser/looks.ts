import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type Axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";

/** Languages, widths and colours that every page is looked at in. */
export const LOOKS = [
  ["en", 1280, "light"],
  ["en", 390, "dark"],
  ["zh-CN", 390, "light"],
  ["zh-CN", 1280, "dark"],
] as const;

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What is wrong with a page as it is: wider than its window, or something that axe finds by WCAG 2.2 A and AA and by good practice.
 * One line each; empty is good.
 */
export async function faultsOf(page: Page): Promise<string[]> {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof Axe }; // put there a line before
    const found = await axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
  // Not the page's own word for it: on a phone the window grows with what is too wide.
  const isTooWide = wide > (page.viewportSize()?.width ?? 0);
  return [...(isTooWide ? [`${wide} pixels wide`] : []), ...violations];
}

/** Leaves a picture in the folder that SHOTS names, if it names one. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env["SHOTS"];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** A page without fault as it is now, wide and narrow, by day and by night: for what would not be there after it is opened anew. */
export async function lookAt(page: Page, name: string): Promise<void> {
  const before = page.viewportSize();
  for (const width of [1280, 390])
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 844 });
      // Without motion colours do not go over slowly.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await shoot(page, `${name}-${width}-${colorScheme}`);
      expect(await faultsOf(page), `${name} ${width} ${colorScheme}`).toEqual([]);
    }
  if (before !== null) await page.setViewportSize(before);
}

/** What `faultsIn` finds wrong in each look of a page, which a new browser opens. The name is that of a picture. */
export async function inEveryLook(
  browser: Browser,
  name: string,
  options: BrowserContextOptions,
  faultsIn: (page: Page, name: string) => Promise<string[]>,
): Promise<string[]> {
  const faults: string[] = [];
  for (const [locale, width, colorScheme] of LOOKS) {
    const own = `${name}-${locale}-${width}-${colorScheme}`;
    const context = await browser.newContext({ ...options, locale, colorScheme, viewport: { width, height: 844 } });
    faults.push(...(await faultsIn(await context.newPage(), own)).map((fault) => `${own}: ${fault}`));
    await context.close();
  }
  return faults;
}
