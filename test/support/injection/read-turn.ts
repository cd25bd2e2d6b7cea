import { createParser } from "eventsource-parser";
import { z } from "zod";

const stepSchema = z.discriminatedUnion("step", [
  z.looseObject({ step: z.literal("call"), call: z.object({ name: z.string(), arguments: z.string() }) }),
  z.looseObject({ step: z.literal("usage") }),
  z.looseObject({ step: z.literal("round") }),
  z.object({
    step: z.literal("approval"),
    approval: z.string(),
    hash: z.string(),
    tool: z.string(),
    source: z.string(),
    arguments: z.string(),
  }),
  z.looseObject({
    step: z.literal("result"),
    tool: z.string(),
    ok: z.boolean(),
    content: z.string(),
    source: z.object({ number: z.number(), name: z.string() }).optional(),
  }),
]);
export type Asked = Extract<z.infer<typeof stepSchema>, { step: "approval" }>;

const chunkSchema = z.looseObject({
  porchlight: stepSchema.optional(),
  error: z.unknown().optional(),
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }).optional() })).optional(),
});

/** A turn as its person saw it. */
export interface Said {
  text: string;
  calls: number;
  results: Extract<z.infer<typeof stepSchema>, { step: "result" }>[];
  asked: number;
  allowed: number;
  /** Whether it came to its end. */
  isWhole: boolean;
  error?: unknown;
}

/** Reads a streamed answer to its end, and has its person decide where they are asked. */
export async function readTurn(
  body: ReadableStream<Uint8Array>,
  decide: (asked: Asked) => Promise<"allow" | "deny">,
): Promise<Said> {
  const said: Said = { text: "", calls: 0, results: [], asked: 0, allowed: 0, isWhole: false };
  const decisions: Promise<void>[] = [];
  const count = async (asked: Asked): Promise<void> => {
    if ((await decide(asked)) === "allow") said.allowed += 1;
  };
  const take = ({ data }: { data: string }): void => {
    if (data === "[DONE]") {
      said.isWhole = true;
      return;
    }
    const { porchlight: step, choices, error } = chunkSchema.parse(JSON.parse(data));
    said.error = error ?? said.error;
    said.text += choices?.[0]?.delta?.content ?? "";
    if (step?.step === "call") said.calls += 1;
    if (step?.step === "result") said.results.push(step);
    if (step?.step === "approval") {
      said.asked += 1;
      decisions.push(count(step));
    }
  };
  const parser = createParser({ onEvent: take });
  const decoder = new TextDecoder();
  for await (const piece of body) parser.feed(decoder.decode(piece, { stream: true }));
  await Promise.all(decisions);
  return said;
}
