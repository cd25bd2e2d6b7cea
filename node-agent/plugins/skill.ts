import { lstat, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** What of a skill is taken, each with its reason. */
export const SKILL_LIMITS = {
  /** All of it is in the plugin's package, and in its memory. */
  bytes: 2 * 1024 * 1024,
  files: 500,
  /** A passage goes beside a question, with others. */
  passageCharacters: 1_500,
} as const;

/** The fields of a SKILL.md that say what it is; there may be others. */
const frontMatterSchema = z.object({
  name: z.string().regex(/^[a-z0-9](?:-?[a-z0-9]){0,63}$/, "small letters, digits and '-', 64 at most"),
  description: z.string().trim().min(1).max(1_024),
});

export interface SkillPassage {
  title: string;
  text: string;
}
export interface Skill {
  name: string;
  description: string;
  passages: SkillPassage[];
  /** Files that hold no text to look things up in, scripts above all: they are left out. */
  left: string[];
}

/**
 * Reads a folder with a SKILL.md: its instructions and the texts beside it, as passages. Nothing of it is run, and no link is followed.
 * Throws RangeError, in words, for what is no skill.
 */
export async function readSkill(folder: string): Promise<Skill> {
  const paths = await pathsOf(folder);
  if (!paths.includes("SKILL.md")) throw new RangeError(`There is no SKILL.md in ${folder}.`);
  const texts = paths.filter((path) => /\.(?:md|markdown|txt)$/i.test(path));
  // The instructions first.
  texts.sort((one, other) => Number(other === "SKILL.md") - Number(one === "SKILL.md") || (one < other ? -1 : 1));
  const passages: SkillPassage[] = [];
  let about: z.infer<typeof frontMatterSchema> | undefined;
  let bytes = 0;
  for (const path of texts) {
    const read = await readFile(join(folder, path));
    bytes += read.byteLength;
    if (bytes > SKILL_LIMITS.bytes) throw new RangeError("The skill holds more than 2 MiB of text.");
    const text = read.toString("utf8").replaceAll("\r\n", "\n");
    const { front, body } = splitFrontMatter(text);
    about ??= readFrontMatter(front);
    passages.push(...passagesOf(body, path === "SKILL.md" ? about.name : path));
  }
  if (about === undefined || passages.length === 0) throw new RangeError("The SKILL.md says nothing.");
  return { ...about, passages, left: paths.filter((path) => !texts.includes(path)) };
}

/** Of plain files, below the folder. */
async function pathsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name));
    if (!entry.isFile() || !(await lstat(join(folder, path))).isFile()) continue;
    if (path.split("/").some((part) => part.startsWith(".") || part === "node_modules")) continue;
    paths.push(path);
    if (paths.length > SKILL_LIMITS.files) throw new RangeError(`The skill has more than ${SKILL_LIMITS.files} files.`);
  }
  return paths.toSorted();
}

function splitFrontMatter(text: string): { front: string | undefined; body: string } {
  const [whole, front] = /^\uFEFF?---\n([\s\S]*?)\n---[ \t]*(?:\n|$)/.exec(text) ?? [];
  return whole === undefined
    ? { front: undefined, body: text }
    : { front: front ?? "", body: text.slice(whole.length) };
}

function readFrontMatter(front: string | undefined): z.infer<typeof frontMatterSchema> {
  if (front === undefined) throw new RangeError("The SKILL.md does not begin with '---' and what it is.");
  let value: unknown;
  try {
    value = parse(front, { maxAliasCount: 0 });
  } catch (cause) {
    throw new RangeError("What the SKILL.md begins with is no YAML.", { cause });
  }
  const read = frontMatterSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new RangeError(`The SKILL.md's '${issue?.path.join(".") ?? ""}': ${issue?.message ?? "not valid"}.`);
}

/** A text at its headings, and long parts at empty lines. A '#' in a block of code is no heading. */
function passagesOf(text: string, from: string): SkillPassage[] {
  const passages: SkillPassage[] = [];
  let heading = "";
  let part = "";
  let isCode = false;
  const end = (): void => {
    const title = heading === "" ? from : `${from}: ${heading}`;
    if (part.trim() !== "") passages.push({ title, text: part.trim() });
    part = "";
  };
  for (const line of text.split("\n")) {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    const [, words] = isCode ? [] : (/^#{1,3}\s+(.+?)\s*#*$/.exec(line) ?? []);
    const isFull = part.length + line.length > SKILL_LIMITS.passageCharacters;
    if (words !== undefined || (isFull && (line.trim() === "" || part.length > 2 * SKILL_LIMITS.passageCharacters)))
      end();
    if (words !== undefined) heading = words;
    part += `${line}\n`;
  }
  end();
  return passages;
}
