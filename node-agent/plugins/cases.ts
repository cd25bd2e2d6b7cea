import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { CALLED_PARTS, type CalledPart, partCall } from "../../shared/plugin/parts.ts";
import { grant, type HostPorts } from "../../shared/plugin/host/grants.ts";
import type { PluginPackage } from "../../shared/plugin/package.ts";
import type { PluginSandbox } from "./sandbox.ts";

const MOST_CASES = 1_000;

const caseSchema = z
  .strictObject({
    /** One of these. A part is what the host calls: `webhook`, `schedule`. */
    tool: z.string().optional(),
    part: z.enum(CALLED_PARTS).optional(),
    input: z.record(z.string(), z.unknown()),
    /** The result, to the last character; absent: any result will do. */
    output: z.unknown().optional(),
    /** It fails, with these words in its message. */
    error: z.string().optional(),
    locale: z.enum(["en", "zh-CN"]).default("en"),
    timeZone: z.string().default("UTC"),
  })
  .refine((one) => (one.tool === undefined) !== (one.part === undefined), "A case has a tool or a part, one of them.")
  .refine((one) => one.output === undefined || one.error === undefined, "A case has an output or an error, not both.");

/** A call of a tool or a part, and what comes of it. */
export type PluginCase = z.infer<typeof caseSchema>;

/** What a case may leave out of what the host tells a part. */
const USUAL: Record<CalledPart, (now: string) => object> = {
  webhook: (now) => ({ id: "msg_1", receivedAt: now, webhook: "test", headers: {}, body: "", encoding: "utf-8" }),
  beforeTurn: () => ({ question: "", session: "ses_1", turn: 0 }),
  afterTurn: () => ({ question: "", session: "ses_1", turn: 0, answer: "", model: "test" }),
  knowledge: () => ({ query: "", most: 5 }),
  schedule: (now) => ({ dueAt: now, missed: 0 }),
};

export interface CaseResult {
  case: PluginCase;
  ms: number;
  /** What is not as it should be; undefined: all is well. */
  wrong: string | undefined;
  logs: string[];
}

/** The cases of a plugin's folder: none where there is no cases.json. Throws PorchlightError `plugin_invalid`. */
export async function readCases(folder: string): Promise<PluginCase[]> {
  const text = await readFile(join(folder, "cases.json"), "utf8").catch(() => "[]");
  const parsed = z.array(caseSchema).max(MOST_CASES).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PorchlightError(
    "plugin_invalid",
    `cases.json, ${issue?.path.join(".") || "as a whole"}: ${issue?.message}`,
  );
}

/** Runs a case in the real sandbox, with its real limits, granted all that the plugin asks for. */
export async function runCase(
  sandbox: PluginSandbox,
  plugin: PluginPackage,
  one: PluginCase,
  ports: (reports: Pick<HostPorts, "onLog">) => HostPorts,
): Promise<CaseResult> {
  const logs: string[] = [];
  const { part, locale, timeZone } = one;
  const tool = part === undefined ? (one.tool ?? "") : partCall(part);
  const input = part === undefined ? one.input : { ...USUAL[part](new Date().toISOString()), ...one.input };
  const granted = grant(plugin.manifest.permissions, ports({ onLog: (line) => logs.push(line) }));
  const startedAt = performance.now();
  const outcome = await sandbox
    .call({ package: plugin, tool, input, caller: { locale, timeZone }, granted })
    .then((value) => ({ value }))
    .catch((error: unknown) => ({ error: PorchlightError.from(error).message }));
  return { case: one, ms: performance.now() - startedAt, wrong: wrongWith(one, outcome), logs };
}

function wrongWith({ output, error }: PluginCase, outcome: { value: unknown } | { error: string }): string | undefined {
  if ("error" in outcome) {
    if (error !== undefined && outcome.error.includes(error)) return undefined;
    return error === undefined ? outcome.error : `It failed with other words: ${outcome.error}`;
  }
  if (error !== undefined) return `It did not fail, but returned ${JSON.stringify(outcome.value)}`;
  if (output === undefined || isDeepStrictEqual(outcome.value, output)) return undefined;
  return `It returned ${JSON.stringify(outcome.value)}\n  instead of  ${JSON.stringify(output)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PorchlightError("plugin_invalid", "cases.json is not valid JSON.");
  }
}
