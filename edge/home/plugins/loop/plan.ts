import type { Tool } from "../../../../shared/inference/request.ts";
import { canonicalJson } from "../../../../shared/plugin/canonical.ts";
import type { PluginUse } from "../../../../shared/inference/plugin-use.ts";
import { termsOf } from "../../sessions/context/terms.ts";
import { estimateTokens } from "../../sessions/context/tokens.ts";
import type { OfferedTool, ToolSource } from "../tool-box.ts";
import { LOOP_LIMITS } from "./limits.ts";

/** A tool that a turn offers, with what its person said of it. */
export interface PlannedTool {
  tool: OfferedTool;
  approval: PluginUse["approval"];
  files?: PluginUse["files"];
}

export interface ToolPlan {
  tools: PlannedTool[];
  /** Names of those for which there was no room. */
  leftOut: string[];
  /** What their descriptions take of the context, estimated. */
  tokens: number;
}

/** By what a plugin or a mounted server is named in settings and requests. */
export function sourceName(source: ToolSource): string {
  return source.kind === "plugin" ? source.name : source.server;
}

/**
 * Which tools a turn offers. Where there are too many, or too long ones for the model's context: first those that were asked for by
 * name, then those whose words are nearest to the question's (BM25, Robertson and Zaragoza 2009), each as long as there is room. Their
 * order is that of their names, so that a prompt begins as the one before did.
 * @param taken names that the client's own tools have
 */
export function planTools(of: {
  offered: readonly OfferedTool[];
  uses: readonly PluginUse[];
  question: string;
  contextLength: number;
  taken?: ReadonlySet<string>;
}): ToolPlan {
  const { offered, uses, question, contextLength, taken = new Set<string>() } = of;
  const wanted = offered.flatMap((tool) => {
    const name = sourceName(tool.source);
    const use = uses.find(({ plugin }) => plugin === name) ?? uses.find(({ plugin }) => plugin === "*");
    return use === undefined || taken.has(tool.name) ? [] : [{ tool, use }];
  });
  const scores = rank(
    question,
    wanted.map(({ tool }) => wordsOf(tool)),
  );
  const order = wanted
    .map((one, index) => ({ ...one, score: (one.use.plugin === "*" ? 0 : 1_000_000) + (scores[index] ?? 0) }))
    .toSorted((a, b) => b.score - a.score || (a.tool.name < b.tool.name ? -1 : 1));
  const room = Math.floor(contextLength / LOOP_LIMITS.toolsPart);
  const tools: PlannedTool[] = [];
  const leftOut: string[] = [];
  let tokens = 0;
  for (const { tool, use } of order) {
    const cost = estimateTokens(JSON.stringify(requestTool(tool)));
    if (tools.length >= LOOP_LIMITS.tools || tokens + cost > room) leftOut.push(tool.name);
    else {
      tokens += cost;
      tools.push({ tool, approval: use.approval, files: use.files });
    }
  }
  tools.sort((a, b) => (a.tool.name < b.tool.name ? -1 : 1));
  return { tools, leftOut, tokens };
}

/** A tool as the model's machine takes it. */
export function requestTool({ name, description, input }: OfferedTool): Tool {
  return { name, description, parameters: { ...input } };
}

/** Whether a tool is the one that was offered: of the same package, with the same effect. */
export function isSameTool(
  one: Pick<OfferedTool, "source" | "effect">,
  other: Pick<OfferedTool, "source" | "effect">,
): boolean {
  return one.effect === other.effect && canonicalJson(one.source) === canonicalJson(other.source);
}

function wordsOf({ name, title, description, input }: OfferedTool): string[] {
  const properties = Object.entries(input.properties ?? {}).map(
    ([key, { description: words }]) => `${key} ${words ?? ""}`,
  );
  return termsOf([name.replaceAll("_", " "), title.en, title.zh, description, ...properties].join(" "));
}

/** BM25 of each document for the question. */
function rank(question: string, documents: readonly string[][]): number[] {
  const [k1, b] = [1.2, 0.75];
  const terms = [...new Set(termsOf(question))];
  const average = documents.reduce((sum, words) => sum + words.length, 0) / Math.max(1, documents.length);
  return documents.map((words) =>
    terms.reduce((score, term) => {
      const has = documents.filter((other) => other.includes(term)).length;
      const often = words.filter((word) => word === term).length;
      if (often === 0) return score;
      const rarity = Math.log(1 + (documents.length - has + 0.5) / (has + 0.5));
      return score + (rarity * often * (k1 + 1)) / (often + k1 * (1 - b + (b * words.length) / average));
    }, 0),
  );
}
