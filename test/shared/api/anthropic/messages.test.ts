import Anthropic, { APIError, NotFoundError } from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { apiOver, type Generate, MODEL, yielding } from "../support.ts";
import { clientOf, clientOver, post, QUESTION } from "./support.ts";

const text = (value: string): GenerateEvent => ({ type: "text", text: value });
const CALL: GenerateEvent = {
  type: "tool_call",
  index: 0,
  call: { id: "call_1", name: "weather", arguments: '{"city":"Kyiv"}' },
};
const USAGE: GenerateEvent = { type: "usage", promptTokens: 7, completionTokens: 2, cachedTokens: 4 };
/** Name and payload of each event of a stream. */
function eventsOf(stream: string): { event: string; data: Record<string, unknown> }[] {
  const blocks = stream.split("\n\n");
  expect(blocks.pop()).toBe("");
  return blocks.map((block) => {
    const [, event = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
    return { event, data: JSON.parse(data) as Record<string, unknown> }; // checked by the tests below
  });
}

describe("an answer", () => {
  it("is a message", async () => {
    const client = clientOver(
      yielding(text("Look: "), text("here."), CALL, USAGE, { type: "finish", reason: "tool_calls" }),
    );
    const { data, request_id: requestId } = await client.messages.create(QUESTION).withResponse();
    expect(requestId).toMatch(/^[\w-]{36}$/);
    expect(data).toEqual({
      id: expect.stringMatching(/^msg_\w{32}$/),
      type: "message",
      role: "assistant",
      model: "starter",
      content: [
        { type: "text", text: "Look: here.", citations: null },
        { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Kyiv" }, caller: { type: "direct" } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 4,
        output_tokens: 2,
        output_tokens_details: null,
      },
    });
  });

  it.each<[GenerateEvent, object]>([
    [
      { type: "finish", reason: "stop" },
      { stop_reason: "end_turn", stop_sequence: null },
    ],
    [
      { type: "finish", reason: "length" },
      { stop_reason: "max_tokens", stop_sequence: null },
    ],
    [
      { type: "finish", reason: "stop", stopString: "END" },
      { stop_reason: "stop_sequence", stop_sequence: "END" },
    ],
  ])("ends for a reason: %j", async (finish, ending) => {
    const client = clientOver(yielding(text("x"), USAGE, finish));
    expect(await client.messages.create(QUESTION)).toMatchObject(ending);
    expect(await client.messages.stream(QUESTION).finalMessage()).toMatchObject(ending);
  });

  it("streams events in the order and shape that Anthropic's have", async () => {
    const progress: GenerateEvent = { type: "progress", stage: "queued", promptTokens: 7 };
    const parts = [progress, text("Look: "), text("here."), CALL, text("Done."), USAGE];
    const response = await post(
      { ...QUESTION, stream: true },
      yielding(...parts, { type: "finish", reason: "tool_calls" }),
    );
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = eventsOf(await response.text());
    for (const { event, data } of events) expect(data.type).toBe(event);
    expect(events.map(({ data }) => data)).toEqual([
      {
        type: "message_start",
        message: expect.objectContaining({
          content: [],
          stop_reason: null,
          usage: expect.objectContaining({ input_tokens: 7 }),
        }),
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "", citations: null } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Look: " } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "here." } },
      { type: "content_block_stop", index: 0 },
      {
        type: "content_block_start",
        index: 1,
        content_block: { type: "tool_use", id: "toolu_1", name: "weather", input: {}, caller: { type: "direct" } },
      },
      { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"city":"Kyiv"}' } },
      { type: "content_block_stop", index: 1 },
      { type: "content_block_start", index: 2, content_block: { type: "text", text: "", citations: null } },
      { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "Done." } },
      { type: "content_block_stop", index: 2 },
      {
        type: "message_delta",
        delta: { stop_reason: "tool_use", stop_sequence: null, stop_details: null, container: null },
        usage: {
          input_tokens: 3,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 4,
          output_tokens: 2,
          output_tokens_details: null,
        },
      },
      { type: "message_stop" },
    ]);
  });

  it("is the same streamed as whole, by the SDK's own reading, cut at every byte between its chunks", async () => {
    const generate = yielding(text("Größe: "), text("🏠\n"), CALL, USAGE, { type: "finish", reason: "tool_calls" });
    const { id: _id, ...whole } = await clientOver(generate).messages.create(QUESTION);
    const response = await post({ ...QUESTION, stream: true }, generate);
    const bytes = new Uint8Array(await response.arrayBuffer());
    for (let cut = 1; cut < bytes.length; cut++) {
      const { id: _other, ...streamed } = await clientOfBytes([bytes.slice(0, cut), bytes.slice(cut)])
        .messages.stream(QUESTION)
        .finalMessage();
      expect(streamed).toMatchObject(whole);
    }
  });

  it("that is cut off at any byte is an error to the SDK's reading, never a message", async () => {
    const generate = yielding(text("Hi"), CALL, USAGE, { type: "finish", reason: "tool_calls" });
    const bytes = new Uint8Array(await (await post({ ...QUESTION, stream: true }, generate)).arrayBuffer());
    const last = new TextDecoder().decode(bytes).indexOf("event: message_stop");
    for (let cut = 0; cut < last; cut++) {
      const message = clientOfBytes([bytes.slice(0, cut)])
        .messages.stream(QUESTION)
        .finalMessage();
      await expect(message).rejects.toThrow();
    }
  });
});

/** A client whose server sends these bytes. */
function clientOfBytes(chunks: readonly Uint8Array<ArrayBuffer>[]): Anthropic {
  const body = () =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
  const headers = { "content-type": "text/event-stream" };
  return new Anthropic({ apiKey: "key", maxRetries: 0, fetch: async () => new Response(body(), { headers }) });
}

describe("an error", () => {
  const busy: GenerateEvent = { type: "error", error: { code: "overloaded", message: "Full.", retryAfterMs: 1500 } };

  it("before the first token is a status and Anthropic's object", async () => {
    for (const stream of [true, false]) {
      const response = await post({ ...QUESTION, stream }, yielding(busy));
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("2");
      const requestId = response.headers.get("request-id");
      expect(await response.json()).toEqual({
        type: "error",
        error: { type: "overloaded_error", message: "Full.", code: "overloaded" },
        request_id: requestId,
      });
    }
  });

  it("after it is an event that the SDK throws", async () => {
    const client = clientOver(yielding(text("half"), busy));
    const stream = await client.messages.create({ ...QUESTION, stream: true });
    let said = "";
    const reading = (async () => {
      for await (const event of stream) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") said += event.delta.text;
      }
    })();
    await expect(reading).rejects.toMatchObject({ type: "overloaded_error" });
    await expect(reading).rejects.toBeInstanceOf(APIError);
    expect(said).toBe("half");
  });

  it("of an engine that ends without an end, or throws, is one too", async () => {
    const broken: Generate[] = [
      yielding(text("half")),
      // oxlint-disable-next-line require-yield
      async function* generate() {
        yield text("half");
        throw new Error("secret");
      },
    ];
    for (const generate of broken) {
      const events = eventsOf(await (await post({ ...QUESTION, stream: true }, generate)).text());
      expect(events.at(-1)).toMatchObject({ event: "error", data: { error: { type: "api_error", code: "internal" } } });
      expect(JSON.stringify(events)).not.toContain("secret");
    }
  });

  it("of a body that is none, and of an address that is none, are in its shape too", async () => {
    const response = await apiOver(yielding()).request("/v1/messages", { method: "POST", body: "x" });
    expect(await response.json()).toMatchObject({ type: "error", error: { code: "unsupported_media_type" } });
    const nowhere = await apiOver(yielding()).request("/v1/messages/batches");
    expect(nowhere.status).toBe(404);
    expect(await nowhere.json()).toMatchObject({ type: "error", error: { type: "not_found_error" } });
  });
});

describe("count_tokens", () => {
  it("asks for a count and nothing else", async () => {
    let seen: GenerateRequest | undefined;
    const client = clientOver(async function* generate(request) {
      seen = request;
      yield { type: "usage", promptTokens: 11, completionTokens: 0, countOnly: true };
      yield { type: "finish", reason: "stop" };
    });
    const { messages, model } = QUESTION;
    expect(await client.messages.countTokens({ model, messages })).toEqual({ input_tokens: 11 });
    expect(seen).toMatchObject({ countOnly: true, messages });
  });

  it("passes on what goes wrong", async () => {
    const client = clientOver(yielding({ type: "error", error: { code: "model_not_found", message: "No." } }));
    const counting = client.messages.countTokens({ model: "x", messages: QUESTION.messages });
    await expect(counting).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe("models", () => {
  const named = (name: string) => ({ ...MODEL, name });
  const all = ["a", "b", "c", "d", "e"].map(named);
  const client = clientOf(apiOver(yielding(), [...all, { ...named("vectors"), task: "embed" }]));

  it("are listed in pages, from either end", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list({ limit: 2 })) ids.push(model.id);
    expect(ids).toEqual(["a", "b", "c", "d", "e"]);
    const before = await client.models.list({ limit: 2, before_id: "d" });
    expect(before.data.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(before.has_more).toBe(true);
    await expect(client.models.list({ after_id: "x" })).rejects.toMatchObject({ status: 400 });
  });

  it("are described one by one", async () => {
    expect(await client.models.retrieve("c")).toMatchObject({
      type: "model",
      id: "c",
      created_at: "2026-09-21T14:13:20Z",
      max_input_tokens: 512,
    });
    await expect(client.models.retrieve("x")).rejects.toBeInstanceOf(NotFoundError);
  });
});
