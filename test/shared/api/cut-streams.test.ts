import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { apiOver, yielding } from "./support.ts";

const EVENTS: GenerateEvent[] = [
  { type: "text", text: "Größe: " },
  { type: "text", text: "🏠" },
  { type: "usage", promptTokens: 7, completionTokens: 2 },
  { type: "finish", reason: "stop" },
];
const request = { model: "m", messages: [{ role: "user" as const, content: "x" }] };

async function streamOf(path: string, body: object): Promise<Uint8Array<ArrayBuffer>> {
  const response = await apiOver(yielding(...EVENTS)).request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  return new Uint8Array(await response.arrayBuffer());
}

/** OpenAI's client, whose server sends these bytes. */
function clientOf(...chunks: Uint8Array<ArrayBuffer>[]): OpenAI {
  const body = () =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
  const headers = { "content-type": "text/event-stream" };
  return new OpenAI({
    apiKey: "key",
    maxRetries: 0,
    logLevel: "off",
    fetch: async () => new Response(body(), { headers }),
  });
}

describe("OpenAI's chat", () => {
  it("is the same to the SDK's reading wherever its chunks are parted", async () => {
    const bytes = await streamOf("/v1/chat/completions", request);
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const stream = clientOf(bytes.slice(0, cut), bytes.slice(cut)).chat.completions.stream(request);
      const { choices } = await stream.finalChatCompletion();
      expect(choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "Größe: 🏠" } });
    }
  });

  it("that is cut off before its end is an error to it", async () => {
    const bytes = await streamOf("/v1/chat/completions", request);
    const last = new TextDecoder().decode(bytes).lastIndexOf('"finish_reason":"stop"');
    for (let cut = 0; cut < last; cut += 7) {
      const stream = clientOf(bytes.slice(0, cut)).chat.completions.stream(request);
      await expect(stream.finalChatCompletion()).rejects.toThrow();
    }
  });
});

describe("OpenAI's responses", () => {
  it("that are cut off before their end are no whole response to it", async () => {
    const bytes = await streamOf("/v1/responses", { model: "m", input: "x" });
    const last = new TextDecoder().decode(bytes).indexOf("event: response.completed");
    for (let cut = 0; cut < last; cut += 61) {
      const stream = clientOf(bytes.slice(0, cut)).responses.stream({ model: "m", input: "x" });
      const outcome = await stream.finalResponse().then(
        ({ status }) => status,
        () => "error",
      );
      expect(["error", "in_progress"]).toContain(outcome);
    }
  });
});
