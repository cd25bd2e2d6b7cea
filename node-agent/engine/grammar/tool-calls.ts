import { PorchlightError } from "../../../shared/errors.ts";
import type { Tool, ToolCall } from "../../../shared/inference/request.ts";
import { TOOL_CALL_CLOSE, TOOL_CALL_OPEN } from "../../text/tool-call-parser.ts";
import { checkGrammar } from "./analysis.ts";
import { choice, EMPTY, type Expression, type Grammar, optional, repeat, rule, sequence, text } from "./grammar.ts";
import type { SchemaObject } from "./json/facts.ts";
import { SchemaConverter } from "./json/schema.ts";
import { bracketed, WS } from "./json/text.ts";

export interface ToolCallOptions {
  /** At least one. */
  tools: readonly Tool[];
  /** Whether there has to be a call, and nothing else. */
  isRequired: boolean;
  /** Whether there may be several calls. */
  isParallel: boolean;
  /** What may come instead of calls; absent: any text. */
  instead?: Grammar | undefined;
}

/** Calls in one answer: as many as a request may carry back. */
const MAX_CALLS = 128;

/**
 * Answers with tool calls in the form that `createToolCallParser` reads, each to a known tool and with arguments that are valid
 * against its schema. Throws `invalid_request` for a strict tool's schema that cannot be held to.
 */
export function toolCallGrammar({ tools, isRequired, isParallel, instead }: ToolCallOptions): Grammar {
  const rules = new Map<string, Expression>();
  const bodies = tools.map((tool, i) => {
    const members = sequence(
      member("name", text(JSON.stringify(tool.name satisfies ToolCall["name"]))),
      text(","),
      WS,
      member("arguments", argumentsOf(tool, rules, `t${i}-`)),
    );
    return bracketed("{", members, "}");
  });
  rules.set("call", sequence(optional(text("\n")), choice(bodies), optional(text("\n")), text(TOOL_CALL_CLOSE)));
  const another = sequence(optional(text("\n")), text(TOOL_CALL_OPEN), rule("call"));
  const calls = sequence(text(TOOL_CALL_OPEN), rule("call"), isParallel ? repeat(another, 0, MAX_CALLS - 1) : EMPTY);
  if (isRequired) rules.set("root", calls);
  else if (instead === undefined) {
    const after = isParallel ? rule("root") : EMPTY;
    rules.set("root", { type: "free", opener: TOOL_CALL_OPEN, body: sequence(rule("call"), after) });
  } else {
    for (const [name, body] of instead.rules) rules.set(`i-${name}`, renamed(body));
    rules.set("root", choice([calls, rule(`i-${instead.root}`)]));
  }
  return { root: "root", rules };
}

/** The arguments of a tool; any object where its schema cannot be held to and it is not strict. */
function argumentsOf(tool: Tool, rules: Map<string, Expression>, prefix: string): Expression {
  try {
    return convertArguments(tool.parameters ?? {}, rules, prefix);
  } catch (error) {
    if (tool.strict === true || !(error instanceof PorchlightError)) throw error;
    return convertArguments({}, rules, prefix);
  }
}

function convertArguments(schema: SchemaObject, rules: Map<string, Expression>, prefix: string): Expression {
  const own = new Map<string, Expression>();
  const converter = new SchemaConverter(schema, own, { isInCall: true, prefix });
  // A tool's arguments are an object, whether its schema says so or not.
  const body = converter.convert([{ type: "object" }, schema]);
  checkGrammar({ root: "root", rules: new Map([...own, ["root", body]]) });
  for (const [name, definition] of own) rules.set(name, definition);
  return body;
}

function member(name: string, value: Expression): Expression {
  return sequence(text(JSON.stringify(name)), text(":"), WS, value);
}

/** The expression with its rules' names as they are beside the tools' rules. */
function renamed(body: Expression): Expression {
  switch (body.type) {
    case "rule":
      return rule(`i-${body.name}`);
    case "sequence":
    case "choice":
      return { ...body, items: body.items.map(renamed) };
    case "repeat":
      return { ...body, item: renamed(body.item) };
    case "free":
      return { ...body, body: renamed(body.body) };
    case "characters":
    case "text":
      break;
  }
  return body;
}
