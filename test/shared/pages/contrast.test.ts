import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const css = await readFile(new URL("../../../edge/pages/style/tokens.css", import.meta.url), "utf8");

/** The two values of each colour token: for light and for dark. */
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\(#(\w{6}), #(\w{6})\)/g)].map(([, name = "", light = "", dark = ""]) => [
    name,
    { light, dark },
  ]),
);

/** Relative luminance of `rrggbb` (WCAG 2.2). */
function luminance(hex: string): number {
  const channels = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = channels.map((c) =>
    c <= 0.040_45 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const TEXT = 4.5;
const OUTLINE = 3;

it.each([
  ["ink", "paper", TEXT],
  ["ink", "surface", TEXT],
  ["ink", "sunken", TEXT],
  ["muted", "paper", TEXT],
  ["muted", "surface", TEXT],
  ["muted", "sunken", TEXT],
  ["accent", "paper", TEXT],
  ["accent", "surface", TEXT],
  ["accent", "sunken", TEXT],
  ["on-accent", "accent", TEXT],
  ["good", "paper", TEXT],
  ["bad", "paper", TEXT],
  ["bad", "surface", TEXT],
  ["edge", "paper", OUTLINE],
  ["edge", "surface", OUTLINE],
])("%s on %s has a contrast of at least %d in light and dark (WCAG AA)", (front, back, least) => {
  for (const theme of ["light", "dark"] as const) {
    expect(contrast(tokens.get(front)?.[theme] ?? "", tokens.get(back)?.[theme] ?? ""), theme).toBeGreaterThanOrEqual(
      least,
    );
  }
});
