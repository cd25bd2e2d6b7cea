import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf } from "../../../../shared/api/openai/responses/again.ts";
import { ResponseEncoder } from "../../../../shared/api/openai/responses/encoder.ts";
import { responsesRequestSchema } from "../../../../shared/api/openai/responses/request-schema.ts";
import { begunResponse, type ResponseBody, unanswered } from "../../../../shared/api/openai/responses/response.ts";
import { answered } from "../../../../shared/api/openai/responses/settle.ts";
import { generateTruncated, withoutOldest } from "../../../../shared/api/openai/responses/truncation.ts";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest, Message } from "../../../../shared/inference/request.ts";

const begun = (background: boolean): ResponseBody =>
  begunResponse(responsesRequestSchema.parse({ model: "m", input: "x", background }), {
    store: true,
    conversation: undefined,
  });

interface Sent {
  type: string;
  sequence_number: number;
  delta?: string;
}

function sentOf(response: ResponseBody, events: Iterable<GenerateEvent>, after = -1): Sent[] {
  const encoder = new ResponseEncoder(unanswered(response), after);
  let text = response.background ? encoder.queue() : "";
  for (const event of events) text += encoder.encode(event);
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((block) => JSON.parse(block.slice(block.indexOf("\ndata: ") + 7)));
}

/** The text of what was sent, and the other events, from behind a number on. */
function told(sent: readonly Sent[]): { text: string; others: [string, number][] } {
  return {
    text: sent.map(({ delta = "", type }) => (type.endsWith("text.delta") ? delta : "")).join(""),
    others: sent.filter(({ type }) => !type.endsWith("text.delta")).map((event) => [event.type, event.sequence_number]),
  };
}

const piece = fc.record({
  type: fc.constantFrom("text" as const, "reasoning" as const),
  text: fc.string({ unit: "binary", maxLength: 12 }),
});
const call = fc.constant({ type: "tool_call" as const, index: 0, call: { id: "c", name: "f", arguments: "{}" } });

describe("an answer that is encoded anew", () => {
  it("has the same numbers in whatever pieces it comes, and goes on behind any of them", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.oneof({ weight: 5, arbitrary: piece }, call), { maxLength: 12 }),
        (background, said) => {
          const events: GenerateEvent[] = [
            ...said.filter((event) => event.type === "tool_call" || event.text !== ""),
            { type: "usage", promptTokens: 3, completionTokens: 4, cachedTokens: 0, reasoningTokens: 0 },
            { type: "finish", reason: "stop" },
          ];
          const response = begun(background);
          const sent = sentOf(response, events);
          const kept = answered(response, events);
          for (const { sequence_number: after } of sent) {
            const rest = sent.filter((event) => event.sequence_number > after);
            expect(told(sentOf(kept, eventsOf(kept), after))).toEqual(told(rest));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("truncation", () => {
  const turns = (count: number): Message[] => [
    { role: "system", content: "s" },
    ...Array.from({ length: count }, (_, index): Message[] => [
      { role: "user", content: `q${index}` },
      { role: "assistant", content: "", toolCalls: [{ id: "c", name: "f", arguments: "{}" }] },
      { role: "tool", toolCallId: "c", content: "r" },
    ]).flat(),
    { role: "user", content: "last" },
  ];

  /** A model that takes so many messages. */
  const fitting = (most: number, seen: number[]) =>
    async function* generate({ messages }: GenerateRequest): AsyncGenerator<GenerateEvent> {
      seen.push(messages.length);
      const error = { code: "context_length_exceeded" as const, message: "Too long." };
      if (messages.length > most) yield { type: "error", error };
      else
        yield* [
          { type: "text" as const, text: "ok" },
          { type: "finish" as const, reason: "stop" as const },
        ];
    };

  const run = async (most: number, seen: number[]) => {
    const types: string[] = [];
    const request = { model: "m", messages: turns(20), sampling: {} };
    for await (const { type } of generateTruncated(fitting(most, seen), request)) types.push(type);
    return types;
  };

  it("leaves out the oldest turns, whole, until the rest fits; instructions and last question stay", async () => {
    const seen: number[] = [];
    expect(await run(10, seen)).toEqual(["text", "finish"]);
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
    expect(seen.length).toBeLessThan(12);
    for (let messages: Message[] | undefined = turns(20); messages; messages = withoutOldest(messages)) {
      expect([messages[0]?.content, messages[1]?.role, messages.at(-1)?.content]).toEqual(["s", "user", "last"]);
    }
  });

  it("gives up with the model's own error where nothing is left to leave out", async () => {
    expect(await run(1, [])).toEqual(["error"]);
  });
});
