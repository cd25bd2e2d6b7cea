import { fromClaude } from "./claude.ts";
import type { Converted, ImportedSession } from "./conversation.ts";
import { type ImportFile, importFiles } from "./import-files.ts";
import { JsonSplitter, type SplitEntry } from "./json-splitter.ts";
import { fromOpenAi } from "./openai.ts";
import { fromPorchlight, isPorchlight } from "./porchlight.ts";
import { ImportError, type ImportProblem } from "./problem.ts";
import { isObject, textOf } from "./text.ts";

/** A conversation with what is to be said of it, or what is wrong instead; and how far the reading has come. */
export type ReadItem =
  | { session: ImportedSession; problems: ImportProblem[] }
  | { session?: undefined; problems: ImportProblem[] };

export interface ReadOptions {
  /** For conversations that have no time of their own. */
  nowMs: number;
  /** Hears how many bytes of JSON have been read. */
  onBytes?(bytes: number): void;
}

/**
 * The conversations of an export file of OpenAI, Claude or Porchlight, plain or in a zip, one at a time and in their order. What is damaged
 * comes as a problem, and the rest goes on. Never more than one conversation is held.
 */
export async function* readConversations(file: Blob, options: ReadOptions): AsyncGenerator<ReadItem> {
  let found: Awaited<ReturnType<typeof importFiles>>;
  try {
    found = await importFiles(file);
  } catch (error) {
    yield { problems: [fileProblem(error, "")] };
    return;
  }
  for (const problem of found.problems) yield { problems: [problem] };
  const seen = new Set<string>();
  // Of a single file nobody needs to be told which it is.
  const single = found.files.length === 1 ? { name: "" } : {};
  for (const part of found.files) yield* readFile({ ...part, ...single }, seen, options);
}

async function* readFile(file: ImportFile, seen: Set<string>, options: ReadOptions): AsyncGenerator<ReadItem> {
  const splitter = new JsonSplitter();
  try {
    for await (const chunk of file.read()) {
      options.onBytes?.(chunk.length);
      for (const split of splitter.push(chunk)) yield await readEntry(split, file.name, seen, options.nowMs);
    }
    for (const split of splitter.end()) yield await readEntry(split, file.name, seen, options.nowMs);
  } catch (error) {
    yield { problems: [fileProblem(error, file.name)] };
  }
}

function fileProblem(error: unknown, name: string): ImportProblem {
  if (!(error instanceof ImportError)) throw error;
  return { code: error.code, ...(name === "" ? {} : { file: name }), ...detailOf(error) };
}

async function readEntry(split: SplitEntry, name: string, seen: Set<string>, nowMs: number): Promise<ReadItem> {
  const { entry, byte } = split;
  const place = { ...(name === "" ? {} : { file: name }), ...(entry === 0 ? {} : { entry, byte }) };
  if ("problem" in split) {
    return {
      problems: [{ code: split.problem, ...place, ...(split.label === undefined ? {} : { label: split.label }) }],
    };
  }
  const label = labelOf(split.value);
  try {
    const { session, notes } = await convert(split.value, nowMs);
    const key = `${session.from.kind} ${session.from.id}`;
    if (seen.has(key)) throw new ImportError("duplicate");
    seen.add(key);
    return { session, problems: notes.map((note) => ({ ...note, ...place, ...label })) };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    return { problems: [{ code: error.code, ...place, ...label, ...detailOf(error) }] };
  }
}

async function convert(value: unknown, nowMs: number): Promise<Converted> {
  if (!isObject(value)) throw new ImportError("not_object");
  if (isPorchlight(value)) return fromPorchlight(value);
  if ("mapping" in value) return await fromOpenAi(value, nowMs);
  if ("chat_messages" in value) return await fromClaude(value, nowMs);
  throw new ImportError("unknown_shape");
}

function labelOf(value: unknown): { label?: string } {
  const title = isObject(value) ? (textOf(value.title) ?? textOf(value.name)) : undefined;
  return title === undefined
    ? {}
    : {
        label: title
          .toWellFormed()
          .replace(/[\s\p{Cc}]+/gu, " ")
          .trim()
          .slice(0, 120),
      };
}

function detailOf({ detail }: ImportError): { detail?: string } {
  return detail === undefined ? {} : { detail };
}
