import { definePlugin, type PluginFiles, tool } from "../../shared/plugin/index.ts";
import { textOf } from "../shared/picked.ts";
import { compareLines, compareWords } from "./compare.ts";

const MOST_BYTES = 2_000_000;

const SIDE = { type: "string", maxLength: 400_000 } as const;
const NAME = { type: "string", maxLength: 300 } as const;

const compare = tool({
  description:
    "Shows what changed between two texts or two picked files: lines as a unified diff (- removed, + added), or words as [-old-]{+new+}. Use 'words' for prose, 'lines' for code and lists.",
  input: {
    type: "object",
    properties: {
      before: { ...SIDE, description: "The old text; left out to take a picked file" },
      after: { ...SIDE, description: "The new text; left out to take a picked file" },
      before_file: { ...NAME, description: "Name of the picked file with the old text" },
      after_file: { ...NAME, description: "Name of the picked file with the new text" },
      by: { type: "string", description: "What is compared", enum: ["lines", "words"], default: "lines" },
    },
    required: [],
    additionalProperties: false,
  },
  async execute({ input, files }) {
    const { before, after, before_file, after_file, by = "lines" } = input;
    const [old, young] = await Promise.all([side(files, before, before_file, 0), side(files, after, after_file, 1)]);
    if (by === "words") return compareWords(old.text, young.text);
    return compareLines(old.text, young.text, [old.name, young.name]);
  },
});

/** Without a name the first picked file is the old one, the second the new one. */
async function side(
  files: PluginFiles | undefined,
  text: string | undefined,
  name: string | undefined,
  place: number,
): Promise<{ text: string; name: string }> {
  if (text !== undefined) return { text, name: place === 0 ? "before" : "after" };
  const all = (await files?.list()) ?? [];
  const file = name ?? (all.length === 2 ? all[place]?.id : undefined);
  if (files === undefined || file === undefined)
    throw new RangeError("Give 'before' and 'after', or have the user pick two files and name them.");
  const shown = all.find(({ id }) => id === file)?.name ?? file;
  return { text: await textOf({ input: { file }, files }, MOST_BYTES), name: shown };
}

export default definePlugin({ tools: { compare } });
