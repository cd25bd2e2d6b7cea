import { newPluginFiles } from "./template.ts";
import type { Skill } from "./skill.ts";

/** Searches passages by their words, the rare ones first (BM25); Chinese by single characters. The last lines name what it is. */
const MAIN = `import { definePlugin } from "porchlight/plugin";
import skill from "./skill.json";

const wordsOf = (text: string): string[] => text.toLowerCase().match(/\\p{Script=Han}|[\\p{L}\\p{N}]+/gu) ?? [];

const parts = skill.passages.map(({ title, text }) => {
  const words = wordsOf(\`\${title} \${text}\`);
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { title, text, counts, length: words.length };
});
const meanLength = parts.reduce((sum, { length }) => sum + length, 0) / parts.length;

function weightOf(word: string): number {
  const having = parts.filter(({ counts }) => counts.has(word)).length;
  return Math.log(1 + (parts.length - having + 0.5) / (having + 0.5));
}

export default definePlugin({
  knowledge: {
    description: skill.description,
    search({ input }) {
      const asked = [...new Set(wordsOf(input.query))].map((word) => [word, weightOf(word)] as const);
      const scored = parts.map(({ title, text, counts, length }) => {
        let score = 0;
        for (const [word, weight] of asked) {
          const count = counts.get(word) ?? 0;
          score += (weight * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / meanLength));
        }
        return { title, text, score };
      });
      const found = scored.filter(({ score }) => score > 0).toSorted((one, other) => other.score - one.score);
      return found.slice(0, input.most).map(({ title, text }) => ({ title, text }));
    },
  },
});
`;

/** The files of a plugin that has a skill as its knowledge, by their paths. */
export function skillPluginFiles(
  name: string,
  { name: own, description, passages }: Skill,
): ReadonlyMap<string, string> {
  const files = new Map(newPluginFiles(name));
  const short = description.length > 200 ? `${description.slice(0, 199).toWellFormed()}…` : description;
  const about = { title: { en: own, zh: own }, description: { en: short, zh: short }, kind: "knowledge" };
  const before = JSON.parse(files.get("manifest.json") ?? "{}") as object; // the template's own
  const tsconfig = (files.get("tsconfig.json") ?? "").replace(
    '"skipLibCheck"',
    '"resolveJsonModule": true,\n    "skipLibCheck"',
  );
  const first = passages[0]?.title ?? own;
  files.set("manifest.json", json({ ...before, ...about }));
  files.set("tsconfig.json", tsconfig);
  files.set("main.ts", MAIN);
  files.set("skill.json", json({ description, passages }));
  files.set("cases.json", json([{ part: "knowledge", input: { query: first, most: 1 } }]));
  files.set("README.md", `# ${own}\n\n${description}\n`);
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
