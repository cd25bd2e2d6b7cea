import { createHash } from "node:crypto";
import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateRequest, Tool } from "../../../shared/inference/request.ts";
import type { ResponseFormat, ToolChoice } from "../../../shared/inference/output-format.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { GrammarAutomaton } from "./automaton.ts";
import { parseGbnf } from "./gbnf.ts";
import {
  choice,
  type Grammar,
  GRAMMAR_LIMITS,
  grammarError,
  optional,
  repeat,
  sequence,
  rule,
  text,
} from "./grammar.ts";
import { jsonObjectGrammar, jsonSchemaGrammar } from "./json/schema.ts";
import { createGrammarMatcher, type GrammarMatcher } from "./matcher.ts";
import { regexExpression } from "./regex.ts";
import { createTokenMasks, type TokenMasks } from "./token-masks.ts";
import { toolCallGrammar } from "./tool-calls.ts";

/** Makes matchers for one model's vocabulary. */
export interface GrammarCompiler {
  /**
   * What holds an answer to the request's format and tools; null where any text will do. Throws `invalid_request` for what cannot
   * be held to, is too large, or is not valid.
   */
  matcherFor(
    request: Pick<GenerateRequest, "responseFormat" | "tools" | "toolChoice" | "parallelToolCalls">,
  ): GrammarMatcher | null;
}

export interface GrammarCompilerOptions {
  tokenizer: Pick<Tokenizer, "bytesOf" | "leadingSpaces">;
  vocabSize: number;
  stopTokens: ReadonlySet<number>;
}

/** Grammars that are kept with what they remember: the same schema often comes again. */
const KEPT_GRAMMARS = 16;

/** The vocabulary is arranged when the first grammar comes: most models are never asked for one. */
export function createGrammarCompiler({ tokenizer, vocabSize, stopTokens }: GrammarCompilerOptions): GrammarCompiler {
  const bytesOf = (id: number): Uint8Array => tokenizer.bytesOf(id);
  /** Least recently used first. */
  const kept = new Map<string, GrammarAutomaton>();
  let masks: TokenMasks | null = null;
  return {
    matcherFor: ({ responseFormat = { type: "text" }, tools = [], toolChoice = "auto", parallelToolCalls = true }) => {
      const allowed = toolChoice === "none" ? [] : tools;
      if (responseFormat.type === "text" && allowed.length === 0) return null;
      const key = hashOf([responseFormat, allowed, toolChoice, parallelToolCalls]);
      const automaton =
        kept.get(key) ??
        new GrammarAutomaton(
          withLeadingSpaces(
            grammarOf(responseFormat, allowed, toolChoice, parallelToolCalls),
            tokenizer.leadingSpaces,
            responseFormat.type,
          ),
        );
      kept.delete(key);
      kept.set(key, automaton);
      for (const oldest of kept.keys()) if (kept.size > KEPT_GRAMMARS) kept.delete(oldest);
      masks ??= createTokenMasks(vocabSize, bytesOf, stopTokens);
      return createGrammarMatcher(automaton, masks, bytesOf, stopTokens);
    },
  };
}

function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function grammarOf(
  format: ResponseFormat,
  tools: readonly Tool[],
  toolChoice: ToolChoice,
  isParallel: boolean,
): Grammar {
  const instead = format.type === "text" ? undefined : formatGrammar(format);
  if (tools.length === 0 && instead !== undefined) return instead;
  const named = typeof toolChoice === "string" ? tools : tools.filter((tool) => tool.name === toolChoice.name);
  if (typeof toolChoice !== "string" && named.length === 0) {
    throw grammarError(`There is no tool named '${toolChoice.name}' in 'tools'.`, "tool_choice");
  }
  checkSize(tools.map((tool) => tool.parameters));
  // A named tool is called once: that is what the client asked for.
  const isOnce = !isParallel || typeof toolChoice !== "string";
  try {
    return toolCallGrammar({ tools: named, isRequired: toolChoice !== "auto", isParallel: !isOnce, instead });
  } catch (error) {
    throw error instanceof PorchlightError ? grammarError(error.message, "tools") : error;
  }
}

function formatGrammar(format: Exclude<ResponseFormat, { type: "text" }>): Grammar {
  switch (format.type) {
    case "json":
      return jsonObjectGrammar();
    case "json_schema":
      checkSize(format.schema);
      return jsonSchemaGrammar(format.schema);
    case "regex":
      return { root: "root", rules: new Map([["root", regexExpression(format.pattern, { match: "whole" })]]) };
    case "grammar":
      return parseGbnf(format.grammar);
    case "choice":
      break;
  }
  return { root: "root", rules: new Map([["root", choice(format.choices.map(text))]]) };
}

function checkSize(schema: unknown): void {
  if (JSON.stringify(schema).length > GRAMMAR_LIMITS.sourceCharacters) {
    throw grammarError(
      `The JSON Schema is longer than ${GRAMMAR_LIMITS.sourceCharacters} characters. Make it smaller.`,
    );
  }
}

/**
 * Decoding takes some spaces off the start of a text of a SentencePiece model: such a model may write them before JSON, which never
 * begins with one, and must write them before text that could.
 */
function withLeadingSpaces(grammar: Grammar, spaces: number, format: ResponseFormat["type"]): Grammar {
  if (spaces === 0) return grammar;
  const before = repeat(text(" "), spaces, spaces);
  const isOptional = format === "json" || format === "json_schema" || format === "text";
  const start = sequence(isOptional ? optional(before) : before, rule(grammar.root));
  return { root: "spaced-root", rules: new Map([...grammar.rules, ["spaced-root", start]]) };
}
