import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { iconSchema, manifestDraftSchema } from "../../../shared/plugin/manifest.ts";

const PLUGINS = fileURLToPath(new URL("../../../plugins/", import.meta.url));

it.each([
  { path: 'M0 0"/><script>alert(1)</script>', colour: "#2f5d8a" },
  { path: "url(https://example.com)", colour: "#2f5d8a" },
  { path: "12 4v8", colour: "#2f5d8a" },
  { path: `M${"0 ".repeat(2_000)}`, colour: "#2f5d8a" },
  { path: "M4 4h16", colour: "red" },
  { path: "M4 4h16", colour: "#fff;background:url(x)" },
  { path: "M4 4h16", colour: "#2f5d8a", href: "https://example.com" },
  "M4 4h16",
])("is lines and a colour, and nothing else: %j", (icon) => {
  expect(iconSchema.safeParse(icon).success).toBe(false);
});

it("is there for each plugin of this repository, no two alike, and dark enough for white lines", async () => {
  const folders = (await readdir(PLUGINS)).filter((name) => !["shared", "hello", "TUTORIAL.md"].includes(name));
  const icons = await Promise.all(
    folders.map(async (name) => {
      const text = await readFile(`${PLUGINS}${name}/manifest.json`, "utf8");
      return manifestDraftSchema.parse(JSON.parse(text)).icon;
    }),
  );
  expect(icons.filter((icon) => icon === undefined)).toEqual([]);
  expect(new Set(icons.map((icon) => icon?.path)).size).toBe(folders.length);
  for (const icon of icons) expect(contrastWithWhite(icon?.colour ?? ""), icon?.colour).toBeGreaterThan(3);
});

/** By WCAG 2.2, 1.4.11: what is drawn is told apart at 3 to 1. */
function contrastWithWhite(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}
