import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { buildPlugin } from "../../../node-agent/plugins/build.ts";
import { readSkill, SKILL_LIMITS } from "../../../node-agent/plugins/skill.ts";
import { skillPluginFiles } from "../../../node-agent/plugins/skill-template.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const SKILL = `---
name: brew-coffee
description: >-
  How to brew coffee well.
  Use it for grind and water.
license: Apache-2.0
---
Begin with fresh beans.

## Grind

Grind medium for a filter.

\`\`\`sh
# not a heading
grind --size 20
\`\`\`

## 水温

水温保持在九十二度左右。
`;

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

it("a skill's texts are passages, its scripts are left out, and links lead nowhere", async () => {
  await using folder = await temporaryFolder();
  await using elsewhere = await temporaryFolder();
  await write(elsewhere.path, { "secret.md": "a secret" });
  await write(folder.path, {
    "SKILL.md": SKILL,
    "references/beans.md": "# Beans\n\nKeep them dry.\n",
    "scripts/run.py": "print()",
    ".git/x.md": "hidden",
  });
  await symlink(join(elsewhere.path, "secret.md"), join(folder.path, "link.md"));
  await symlink(elsewhere.path, join(folder.path, "folder"));
  const skill = await readSkill(folder.path);
  expect(skill).toMatchObject({
    name: "brew-coffee",
    description: "How to brew coffee well. Use it for grind and water.",
    left: ["scripts/run.py"],
  });
  expect(skill.passages.map(({ title }) => title)).toEqual([
    "brew-coffee",
    "brew-coffee: Grind",
    "brew-coffee: 水温",
    "references/beans.md: Beans",
  ]);
  expect(skill.passages[1]?.text).toContain("# not a heading");
});

it("becomes a plugin that finds them", async () => {
  await using folder = await temporaryFolder();
  await using made = await temporaryFolder();
  await write(folder.path, { "SKILL.md": SKILL });
  await write(made.path, Object.fromEntries(skillPluginFiles("@ada/brew-coffee", await readSkill(folder.path))));
  const { manifest, files } = await buildPlugin(made.path);
  expect(manifest).toMatchObject({ name: "@ada/brew-coffee", kind: "knowledge" });
  const code = Buffer.from(files.get("main.js") ?? new Uint8Array()).toString("base64");
  const found = z.array(z.object({ title: z.string(), text: z.string() }));
  // The module that was built just now.
  const { default: plugin } = (await import(/* @vite-ignore */ `data:text/javascript;base64,${code}`)) as {
    default: { knowledge: { search(context: unknown): unknown } };
  };
  const search = (query: string, most = 3) => found.parse(plugin.knowledge.search({ input: { query, most } }));
  expect(search("How fine do I grind?")[0]?.title).toBe("brew-coffee: Grind");
  expect(search("水温多少")[0]?.title).toBe("brew-coffee: 水温");
  expect(search("fresh beans grind 水", 1)).toHaveLength(1);
  expect(search("zebra")).toEqual([]);
});

it("what is no skill is refused in words", async () => {
  const refusals: [Record<string, string>, RegExp][] = [
    [{ "README.md": "x" }, /no SKILL\.md/],
    [{ "SKILL.md": "just text" }, /does not begin with/],
    [{ "SKILL.md": "---\nname: [\n---\nx" }, /no YAML/],
    [{ "SKILL.md": "---\nname: Brew Coffee\ndescription: d\n---\nx" }, /'name'/],
    [{ "SKILL.md": "---\nname: ../../etc\ndescription: d\n---\nx" }, /'name'/],
    [{ "SKILL.md": "---\nname: a\n---\nx" }, /'description'/],
    [{ "SKILL.md": "---\nname: &a a\ndescription: *a\n---\nx" }, /no YAML/],
    [{ "SKILL.md": "---\nname: a\ndescription: d\n---\n" }, /says nothing/],
    [{ "SKILL.md": `---\nname: a\ndescription: d\n---\n${"x".repeat(SKILL_LIMITS.bytes)}` }, /2 MiB/],
  ];
  for (const [files, words] of refusals) {
    await using folder = await temporaryFolder();
    await write(folder.path, files);
    await expect(readSkill(folder.path), JSON.stringify(files).slice(0, 100)).rejects.toThrow(words);
  }
});
