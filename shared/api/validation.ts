import type { z } from "@hono/zod-openapi";
import { PorchlightError } from "../errors.ts";

/** A field whose schema knows more values than this API can honour: those are refused by name, never ignored. */
export function supported<Schema extends z.ZodType>(
  schema: Schema,
  honoured: (value: z.output<Schema>) => boolean,
  sentence: string,
): Schema {
  return schema.refine(honoured, { error: sentence, params: { unsupported: true } });
}

/** `value` as the schema reads it. Throws the PorchlightError that names the first field that is wrong. */
export function parseWith<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw toError(parsed.error);
}

type Issue = z.core.$ZodIssue;

function toError(error: z.ZodError): PorchlightError {
  const [first] = error.issues;
  if (!first) return new PorchlightError("invalid_request", undefined, { cause: error });
  const { issue, path } = innermost(first, []);
  if (issue.code === "unrecognized_keys") {
    const param = pathText([...path, issue.keys[0] ?? ""]);
    return new PorchlightError("unknown_parameter", `Unknown parameter: '${param}'.`, { param });
  }
  const param = pathText(path);
  const what = issue.message.replace(/^Invalid input: /, "");
  if (issue.code === "custom" && issue.params?.unsupported === true) {
    return new PorchlightError("unsupported_parameter", `Unsupported value for '${param}': ${issue.message}.`, {
      param,
    });
  }
  if (param === "") return new PorchlightError("invalid_request", `The body is not valid: ${what}.`);
  const sentence =
    "input" in issue && issue.input === undefined
      ? `Missing required parameter: '${param}'.`
      : `Invalid value for '${param}': ${what}.`;
  return new PorchlightError("invalid_request", sentence, { param });
}

/** Of a union's branches, the issue of the one that came furthest: it is what the sender most likely meant. */
function innermost(issue: Issue, base: PropertyKey[]): { issue: Issue; path: PropertyKey[] } {
  const path = [...base, ...issue.path];
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return { issue, path };
  const branches = issue.errors
    .map((issues) => issues[0])
    .filter((nested) => nested !== undefined)
    .map((nested) => innermost(nested, path));
  const [best] = branches.toSorted((a, b) => progress(b) - progress(a));
  return best && progress(best) > path.length ? best : { issue: { ...issue, message: expectation(branches) }, path };
}

/** How far a branch came: right type beats wrong type at the same place, and an unknown key is as deep as the key. */
function progress({ issue, path }: { issue: Issue; path: PropertyKey[] }): number {
  if (issue.code === "unrecognized_keys") return path.length + 1;
  return issue.code === "invalid_type" || issue.code === "invalid_value" ? path.length : path.length + 0.5;
}

function expectation(branches: { issue: Issue }[]): string {
  const expected = branches.map(({ issue }) => (issue.code === "invalid_type" ? issue.expected : undefined));
  return expected.every((type) => type !== undefined)
    ? `expected ${expected.filter((type) => type !== "null").join(" or ")}`
    : "none of the accepted forms fits";
}

/** `messages[0].content`, as OpenAI writes it; keys come from the sender and are cut. */
function pathText(path: PropertyKey[]): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : `${text === "" ? "" : "."}${String(part)}`;
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
