import jsonata from "jsonata";
import { RE2JS } from "re2js";
import { cut } from "../shared/text.ts";

const LIMITS = { timeout: 3_000, stack: 400, sequence: 1_000_000 };
const MOST_SHOWN = 6_000;

/** What a question finds, as much as an answer holds. Throws RangeError for one that is not valid, finds nothing, or never ends. */
export async function query(value: unknown, question: string, start: number): Promise<object> {
  const found = await evaluate(value, question.replace(/^\$\.(?=[\w`[*])/, ""));
  if (found === undefined)
    throw new RangeError("Nothing is there. Look with 'outline' how the JSON is built: names are with their capitals.");
  if (isFunction(found)) throw new RangeError("That is a function, no value. Call it, e.g. $count(items).");
  return Array.isArray(found) ? itemsOf(found, start) : whole(found);
}

function itemsOf(items: readonly unknown[], start: number): object {
  const shown: unknown[] = [];
  let size = 0;
  for (const item of items.slice(start)) {
    const text = written(item);
    size += text.length;
    if (size > MOST_SHOWN && shown.length > 0) break;
    shown.push(text.length > MOST_SHOWN ? `${cut(text, MOST_SHOWN)}…` : item);
  }
  const next = start + shown.length;
  const isCut = size > MOST_SHOWN && shown.length === 1;
  const isMore = next < items.length;
  return { value: shown, count: items.length, truncated: isMore || isCut, ...(isMore ? { next_start: next } : {}) };
}

function whole(value: unknown): object {
  const text = written(value);
  if (text.length <= MOST_SHOWN) return { value, truncated: false };
  return { value: `${cut(text, MOST_SHOWN)}…`, characters: text.length, truncated: true };
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch (error) {
    throw new RangeError("What was found is nested too deep. Ask for a part of it.", { cause: error });
  }
}

/** jsonata's own functions are objects with a mark. */
function isFunction(value: unknown): boolean {
  if (typeof value === "function") return true;
  return typeof value === "object" && value !== null && ("_jsonata_function" in value || "_jsonata_lambda" in value);
}

async function evaluate(value: unknown, question: string): Promise<unknown> {
  try {
    // RE2 stands in for the engine of patterns, so that none takes for ever.
    const RegexEngine = LinearPattern as unknown as RegExpConstructor; // the four members that jsonata uses
    return await jsonata(question, { ...LIMITS, RegexEngine }).evaluate(value);
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }; // jsonata throws objects of its own
    const isEndless = code === "D1011" || code === "D1012" || code === "U1001" || error instanceof RangeError;
    if (isEndless)
      throw new RangeError("The question takes too long, or calls itself too deep. Ask a simpler one.", {
        cause: error,
      });
    throw new RangeError(`The question is not valid JSONata: ${message ?? String(error)}`, { cause: error });
  }
}

/** A RegExp by RE2, as far as jsonata asks one. */
class LinearPattern {
  readonly #pattern: RE2JS;
  lastIndex = 0;

  constructor(pattern: RegExp | string) {
    const { source, flags } = typeof pattern === "string" ? { source: pattern, flags: "" } : pattern;
    const options = (flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0) | (flags.includes("m") ? RE2JS.MULTILINE : 0);
    this.#pattern = RE2JS.compile(RE2JS.translateRegExp(source), options);
  }

  exec(text: string): (string[] & { index: number }) | null {
    const matcher = this.#pattern.matcher(text);
    if (!matcher.find(this.lastIndex)) return null;
    this.lastIndex = matcher.end();
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, index) => matcher.group(index) ?? "");
    return Object.assign(groups, { index: matcher.start() });
  }

  test(text: string): boolean {
    return this.#pattern.matcher(text).find();
  }
}
