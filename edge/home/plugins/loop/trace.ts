import { z } from "zod";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { LoopState } from "./loop-state.ts";
import { citedNumbers } from "./results.ts";

/** What a turn's tools did, for whoever wants to know. */
export const toolTraceSchema = z.object({
  /** Names of the tools that the model could call, and those for which there was no room. */
  offered: z.array(z.string()),
  leftOut: z.array(z.string()),
  calls: z.array(
    z.object({
      id: z.string(),
      round: z.number().int(),
      tool: z.string(),
      arguments: z.string(),
      /** Null: it was not made, or the answer ended before it did. */
      ok: z.boolean().nullable(),
      error: z.string().nullable(),
      /** The call's record: GET /api/plugin-calls/{id}. */
      record: z.string().nullable(),
      /** The number and name by which the answer may cite it. */
      source: z.object({ number: z.number().int(), name: z.string() }).nullable(),
      cited: z.boolean(),
      cut: z.boolean(),
      taints: z.boolean(),
      /** The approval that it waited for. */
      approval: z.string().nullable(),
      ms: z.number().nullable(),
    }),
  ),
});
export type ToolTrace = z.infer<typeof toolTraceSchema>;

/** The trace of an answer whose model could call these tools. */
export function toolTrace(
  { tools, leftOut }: Pick<LoopState, "tools" | "leftOut">,
  events: readonly GenerateEvent[],
): ToolTrace {
  const cited = new Set(citedNumbers(events.map((event) => (event.type === "text" ? event.text : "")).join("")));
  const steps = events.flatMap((event) => (event.type === "plugin" ? [event.plugin] : []));
  const calls = steps.flatMap((step) => {
    if (step.step !== "call") return [];
    const { call, round } = step;
    const isIts = (other: { round: number; callId: string }): boolean =>
      other.round === round && other.callId === call.id;
    const result = steps.find((other) => other.step === "result" && isIts(other));
    const approval = steps.find((other) => other.step === "approval" && isIts(other));
    const told = result?.step === "result" ? result : undefined;
    return [
      {
        id: call.id,
        round,
        tool: call.name,
        arguments: call.arguments,
        ok: told?.ok ?? null,
        error: told?.error ?? null,
        record: told?.record ?? null,
        source: told?.source ?? null,
        cited: told?.source !== undefined && cited.has(told.source.number),
        cut: told?.cut === true,
        taints: told?.taints === true,
        approval: approval?.step === "approval" ? approval.approval : null,
        ms: told?.ms ?? null,
      },
    ];
  });
  return { offered: tools.map(({ name }) => name), leftOut, calls };
}

/** Whether an answer has seen what strangers wrote. */
export function isTainted(events: readonly GenerateEvent[]): boolean {
  return events.some(
    (event) => event.type === "plugin" && event.plugin.step === "result" && event.plugin.taints === true,
  );
}
