import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Fenced blocks of plugins/TUTORIAL.md, in order; `kind` is the language. */
export async function tutorialBlocks(): Promise<{ kind: string; text: string }[]> {
  const markdown = await readFile(fileURLToPath(new URL("../../plugins/TUTORIAL.md", import.meta.url)), "utf8");
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind = "", text = ""]) => ({ kind, text }));
}
