import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { EmbedRequest } from "../../../shared/inference/embed.ts";
import { embedLines } from "../../../shared/inference/embed-lines.ts";
import type { ModelInfo } from "../../../shared/inference/model.ts";
import { type EmbedAnswer, type Identity, pair, saying, STARTER, TestAgent } from "../support/agent.ts";
import { chat, modelOnline } from "../support/chat.ts";
import { bearer, errorOf, type Owner, postJson, request, setUp } from "../support/edge.ts";

const VECTORS: ModelInfo = { ...STARTER, name: "vectors", task: "embed" };
const encoder = new TextEncoder();

let owner: Owner;
let identity: Identity;
const connected: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});

afterEach(async () => {
  for (const agent of connected.splice(0)) {
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "vectors", false);
});

async function connect(embed: EmbedAnswer): Promise<void> {
  connected.push(await TestAgent.connect(identity, saying("hello"), [STARTER, VECTORS], embed));
  await modelOnline(owner.apiKey, "vectors");
}

const embed = (body: Record<string, unknown>, init: RequestInit = {}) =>
  request("/v1/embeddings", {
    method: "POST",
    headers: { ...bearer(owner.apiKey), "content-type": "application/json" },
    body: JSON.stringify({ model: "vectors", input: ["a", "b"], ...body }),
    ...init,
  });

/** Writes lines in pieces that are not theirs. */
const answering =
  (lines: Iterable<object>): EmbedAnswer =>
  async (_request, stream) => {
    const text = Array.from(lines, (line) => `${JSON.stringify(line)}\n`).join("");
    for (let at = 0; at < text.length; at += 5000) await stream.write(encoder.encode(text.slice(at, at + 5000)));
    stream.end();
  };

describe("embeddings through the tunnel", () => {
  it("come whole, and the request as it was meant", async () => {
    const asked: EmbedRequest[] = [];
    const vectors = [0, 1].map((n) => Float32Array.from({ length: 30_000 }, (_, i) => n + i / 4));
    await connect(async (asking, stream, signal) => {
      asked.push(asking);
      await answering(embedLines({ vectors, promptTokens: 4 }))(asking, stream, signal);
    });
    const response = await embed({ dimensions: 30_000 });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      object: "list",
      model: "vectors",
      data: vectors.map((vector, index) => ({ object: "embedding", index, embedding: [...vector] })),
      usage: { prompt_tokens: 4, total_tokens: 4 },
    });
    expect(asked).toEqual([{ model: "vectors", inputs: ["a", "b"], dimensions: 30_000, truncate: false }]);
  });

  it("fail with the agent's error", async () => {
    const error = {
      code: "context_length_exceeded",
      message: "Input 1 has 812 tokens, the model takes 512.",
      param: "input[1]",
    };
    await connect(answering([{ type: "error", error }]));
    const response = await embed({});
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject(error);
  });

  it.each([
    ["no line", [{ type: "text", text: "hello" }], "answer_unreadable"],
    ["too few vectors", embedLines({ vectors: [Float32Array.of(1)], promptTokens: 1 }), "answer_unreadable"],
    ["no end", [{ type: "vectors", values: "AAAAAA==" }], "agent_disconnected"],
  ])("fail when the agent sends %s", async (_, lines, code) => {
    await connect(answering(lines));
    expect(await errorOf(await embed({}))).toMatchObject({ code });
  });

  it("end at the agent when the client leaves", async () => {
    const stopped = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    await connect(async (_request, _stream, signal) => {
      signal.addEventListener("abort", () => stopped.resolve());
      started.resolve();
    });
    const left = new AbortController();
    const response = embed({}, { signal: left.signal });
    response.catch(() => undefined); // It fails, or says 408: either way the agent hears of it.
    await started.promise;
    left.abort();
    await stopped.promise;
  });

  it("are for models of their task, and chat for the others", async () => {
    await connect(answering([]));
    expect(await errorOf(await embed({ model: "starter" }))).toMatchObject({ code: "model_task_mismatch" });
    expect(await errorOf(await chat(owner.apiKey, { model: "vectors" }))).toMatchObject({
      code: "model_task_mismatch",
    });
    expect(await errorOf(await embed({ model: "nobody" }))).toMatchObject({ code: "model_not_found" });
    expect((await postJson("/v1/embeddings", { model: "vectors", input: "a" })).status).toBe(401);
  });
});
