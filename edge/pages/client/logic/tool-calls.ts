import * as z from "zod/mini";

/** A call of a plugin's tool, as a reader sees it. */
export type ToolCall = {
  /** Unique in its answer. */
  key: string;
  tool: string;
  /** JSON as the model wrote it. */
  arguments: string;
  state: "running" | "waiting" | "done" | "failed";
  /** What the model was told of it. */
  result: string;
  /** What the person is asked, while it waits. */
  approval?: { id: string; hash: string; source: string; arguments: string };
};

const place = { round: z.number(), callId: z.string() };

/** The member `porchlight` of chunks, as far as a reader is concerned. */
export const stepSchema = z.discriminatedUnion("step", [
  z.object({
    step: z.literal("call"),
    round: z.number(),
    call: z.object({ id: z.string(), name: z.string(), arguments: z.string() }),
  }),
  z.object({ step: z.literal("round") }),
  z.object({ step: z.literal("usage") }),
  z.object({
    ...place,
    step: z.literal("approval"),
    approval: z.string(),
    hash: z.string(),
    source: z.string(),
    arguments: z.string(),
  }),
  z.object({ ...place, step: z.literal("result"), ok: z.boolean(), content: z.string() }),
]);
export type ToolStep = z.infer<typeof stepSchema>;

/** The calls of an answer after another step. */
export function afterStep(calls: readonly ToolCall[], step: ToolStep): ToolCall[] {
  if (step.step === "call") {
    const { id, name, arguments: text } = step.call;
    return [...calls, { key: `${step.round}/${id}`, tool: name, arguments: text, state: "running", result: "" }];
  }
  if (step.step === "round" || step.step === "usage") return [...calls];
  return calls.map((call): ToolCall => {
    if (call.key !== `${step.round}/${step.callId}`) return call;
    const { approval: _asked, ...same } = call;
    if (step.step === "result") return { ...same, state: step.ok ? "done" : "failed", result: step.content };
    const { approval: id, hash, source, arguments: text } = step;
    return { ...same, state: "waiting", approval: { id, hash, source, arguments: text } };
  });
}

type Said = {
  role: string;
  content: string;
  toolCalls?: { id: string; name: string; arguments: string }[] | undefined;
  toolCallId?: string | undefined;
};

/** The calls of a turn that has been written down. */
export function callsOf(messages: readonly Said[]): ToolCall[] {
  return messages.flatMap(({ toolCalls = [] }, round) =>
    toolCalls.map(({ id, name, arguments: text }): ToolCall => {
      const told = messages.slice(round + 1).find(({ toolCallId }) => toolCallId === id);
      const result = told?.content ?? "";
      const isFailed = told === undefined || result.startsWith("This call failed:");
      return { key: `${round}/${id}`, tool: name, arguments: text, state: isFailed ? "failed" : "done", result };
    }),
  );
}
