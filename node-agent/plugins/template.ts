import { fileURLToPath } from "node:url";
import type { ManifestDraft } from "../../shared/plugin/manifest.ts";

const SDK = fileURLToPath(new URL("../../shared/plugin/index.ts", import.meta.url));

const MAIN = `import { definePlugin, tool } from "porchlight/plugin";

/** Greetings by language. */
const GREETINGS = { en: "Hello", "zh-CN": "你好" };

const greet = tool({
  description: "Greets a person by name. Use it when somebody asks to be greeted.",
  input: {
    type: "object",
    properties: { name: { type: "string", description: "Who is greeted", minLength: 1, maxLength: 100 } },
    required: ["name"],
    additionalProperties: false,
  },
  async execute({ input, caller, log }) {
    await log(\`greeting \${input.name}\`);
    return { greeting: \`\${GREETINGS[caller.locale]}, \${input.name}!\` };
  },
});

export default definePlugin({ tools: { greet } });
`;

const CASES = [
  { tool: "greet", input: { name: "Ada" }, output: { greeting: "Hello, Ada!" } },
  { tool: "greet", input: {}, error: "name" },
];

/** The files of a new plugin, by their paths: it packs, runs and passes its cases as it is. */
export function newPluginFiles(name: string): ReadonlyMap<string, string> {
  const own = name.slice(name.indexOf("/") + 1);
  const title = own.charAt(0).toUpperCase() + own.slice(1).replaceAll("-", " ");
  const manifest: Pick<ManifestDraft, "name" | "version" | "title" | "description" | "kind" | "entry"> = {
    name,
    version: "0.1.0",
    title: { en: title, zh: title },
    description: { en: "Greets somebody by name.", zh: "按名字打招呼。" },
    kind: "tool",
    entry: "main.ts",
  };
  const tsconfig = {
    compilerOptions: {
      target: "ES2024",
      module: "ESNext",
      moduleResolution: "Bundler",
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: [],
      paths: { "porchlight/plugin": [SDK] },
    },
    include: ["*.ts"],
  };
  const readme = `# ${title}\n\nWhat it does, and an example of how to ask for it.\n`;
  return new Map([
    ["manifest.json", json(manifest)],
    ["main.ts", MAIN],
    ["cases.json", json(CASES)],
    ["tsconfig.json", json(tsconfig)],
    ["README.md", readme],
  ]);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
