import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import { type Answer, type Identity, pair, saying, STARTER, TestAgent, writeEvents } from "../support/agent.ts";
import { chat, dataOf, modelOnline, textOf } from "../support/chat.ts";
import { bearer, errorOf, type Owner, request, setUp } from "../support/edge.ts";

let owner: Owner;
let identity: Identity;
const connected: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});

afterEach(async () => {
  for (const agent of connected.splice(0)) {
    // Whatever a test did: no stream is left on either side.
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "starter", false);
});

async function connect(answer: Answer): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer);
  connected.push(agent);
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

/** Says one piece, then nothing until it is told to stop; `stopped` resolves with the edge's reason. */
function stuckAfter(first: string | undefined): { answer: Answer; stopped: Promise<unknown> } {
  const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
  const answer: Answer = async (_request, stream, signal) => {
    signal.addEventListener("abort", () => resolve(signal.reason));
    if (first !== undefined) await writeEvents(stream, { type: "text", text: first });
  };
  return { answer, stopped };
}

describe("an answer", () => {
  it("comes whole", async () => {
    await connect(saying("Hel", "lo"));
    const response = await chat(owner.apiKey);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      choices: [{ message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
  });

  it("comes in pieces", async () => {
    await connect(saying("Hel", "lo"));
    const response = await chat(owner.apiKey, { stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const payloads = dataOf(await response.text());
    expect(textOf(payloads)).toBe("Hello");
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(JSON.parse(payloads.at(-2) ?? "")).toMatchObject({ choices: [], usage: { total_tokens: 5 } });
  });

  it("leaves piece by piece, not at the end", async () => {
    const { promise: more, resolve } = Promise.withResolvers<void>();
    await connect(async (asked, stream, signal) => {
      await writeEvents(stream, { type: "text", text: "first" });
      await more;
      await saying("second")(asked, stream, signal);
    });
    const response = await chat(owner.apiKey, { stream: true });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain("first");
    resolve();
    expect((await reader?.read())?.value).toContain("second");
    await reader?.cancel();
  });

  it("reaches the agent as the canonical request", async () => {
    const { promise: seen, resolve } = Promise.withResolvers<unknown>();
    await connect(async (asked, stream, signal) => {
      resolve(asked);
      await saying("ok")(asked, stream, signal);
    });
    await chat(owner.apiKey, { max_completion_tokens: 7, stop: "x", top_k: -1, seed: 5, user: "someone" });
    expect(await seen).toEqual({
      model: "starter",
      messages: [{ role: "user", content: "hello" }],
      sampling: { topK: 0, seed: 5 },
      tokenIds: true,
      maxTokens: 7,
      stop: ["x"],
      caller: expect.stringMatching(/^[\w-]{36}$/),
    });
  });

  it("holds prompts of megabytes and any Unicode", async () => {
    const content = "🏠ß\u2028".repeat(250_000);
    await connect(async (asked, stream, signal) => {
      const [message] = asked.messages;
      await saying(message?.content === content ? "same" : "different")(asked, stream, signal);
    });
    const response = await chat(owner.apiKey, { messages: [{ role: "user", content }] });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "same" } }] });
  });

  it("is never mixed with another: 64 at once, and one more is told to come back", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const agent = await connect(async (asked, stream, signal) => {
      await go;
      await saying(...piecesOf(asked.messages[0]?.content ?? ""))(asked, stream, signal);
    });
    const asking = Array.from({ length: PROTOCOL_LIMITS.streams }, async (_, i) => {
      const stream = i % 2 === 0;
      const response = await chat(owner.apiKey, { stream, messages: [{ role: "user", content: `q${i}` }] });
      return stream ? textOf(dataOf(await response.text())) : contentOf(await response.text());
    });
    await expect.poll(() => agent.session.streamCount).toBe(PROTOCOL_LIMITS.streams);
    const refused = await chat(owner.apiKey);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await errorOf(refused)).code).toBe("overloaded");
    resolve();
    for (const [i, answer] of (await Promise.all(asking)).entries()) expect(answer).toBe(piecesOf(`q${i}`).join(""));
  });
});

function piecesOf(name: string): string[] {
  return Array.from({ length: 50 }, (_, i) => `${name}.${i} `);
}

function contentOf(completion: string): string {
  // Our own answer, checked in detail by the tests of shared/api.
  return (JSON.parse(completion) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? "";
}

describe("a client that goes away", () => {
  it("stops the agent while it streams", async () => {
    const { answer, stopped } = stuckAfter("a");
    await connect(answer);
    const response = await chat(owner.apiKey, { stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    const start = performance.now();
    await reader?.cancel();
    expect(await stopped).toMatchObject({ code: "cancelled" });
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it.each([true, false])("stops the agent before its first token (stream: %s)", async (stream) => {
    const { answer, stopped } = stuckAfter(undefined);
    const agent = await connect(answer);
    const abort = new AbortController();
    const response = request("/v1/chat/completions", {
      method: "POST",
      headers: { ...bearer(owner.apiKey), "content-type": "application/json" },
      body: JSON.stringify({ model: "starter", messages: [{ role: "user", content: "x" }], stream }),
      signal: abort.signal,
    });
    await expect.poll(() => agent.streams.length).toBe(1);
    abort.abort();
    await expect(response).rejects.toThrow();
    expect(await stopped).toMatchObject({ code: "cancelled" });
  });
});

describe("a slow client", () => {
  it("makes the agent wait instead of filling memory", async () => {
    let written = 0;
    const { answer, stopped } = stuckAfter(undefined);
    await connect(async (asked, stream, signal) => {
      await answer(asked, stream, signal);
      while (!signal.aborted) {
        await writeEvents(stream, { type: "text", text: "x".repeat(1000) });
        written += 1000;
      }
    });
    const response = await chat(owner.apiKey, { stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    let before = -1;
    while (written !== before) {
      before = written;
      await scheduler.wait(100);
    }
    // The stream's credit, and what is on its way between the object, the Worker and the client.
    expect(written).toBeLessThan(2 * PROTOCOL_LIMITS.streamCreditBytes);
    for (let i = 0; i < 200; i++) await reader?.read();
    await expect.poll(() => written).toBeGreaterThan(before);
    await reader?.cancel();
    await stopped;
  });
});

describe("an error", () => {
  it("before the first token is an HTTP status", async () => {
    await connect(async (_request, stream) => {
      await writeEvents(stream, { type: "progress", stage: "prefill" });
      const error = {
        code: "context_length_exceeded" as const,
        message: "Too long: 600 of 512 tokens.",
        param: "messages",
      };
      await writeEvents(stream, { type: "error", error });
      stream.end();
    });
    for (const stream of [true, false]) {
      const response = await chat(owner.apiKey, { stream });
      expect(response.status).toBe(400);
      expect(await errorOf(response)).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    }
  });

  it("after it is an event, and the stream still ends as it should", async () => {
    await connect(async (_request, stream) => {
      await writeEvents(stream, { type: "text", text: "half" });
      await writeEvents(stream, { type: "error", error: { code: "engine_crashed", message: "It crashed." } });
      stream.end();
    });
    const payloads = dataOf(await (await chat(owner.apiKey, { stream: true })).text());
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(JSON.parse(payloads.at(-2) ?? "")).toEqual({
      error: { message: "It crashed.", type: "server_error", param: null, code: "engine_crashed" },
    });
  });

  it.each<[string, Answer, string]>([
    ["a machine that drops its socket", async () => connected[0]?.close(), "agent_disconnected"],
    [
      "a machine that resets the stream",
      async (_asked, stream) => stream.reset({ code: "engine_crashed", message: "It crashed." }),
      "engine_crashed",
    ],
    ["a machine that ends without an end", async (_asked, stream) => stream.end(), "agent_disconnected"],
    ["a machine that does not speak events", sending('{"type":"poem"}\n'), "answer_unreadable"],
    ["a machine that does not speak JSON", sending("nonsense\n"), "answer_unreadable"],
    ["half a line, then silence", sending('{"type":"te', "end"), "agent_disconnected"],
  ])("comes of %s, at whatever point", async (_name, misbehave, code) => {
    // One that fails three times would have to prove itself.
    identity = await pair(owner.apiKey);
    for (const begun of [false, true]) {
      const agent = await connect(async (asked, stream, signal) => {
        if (begun) await writeEvents(stream, { type: "text", text: "half" });
        await misbehave(asked, stream, signal);
      });
      const response = await chat(owner.apiKey, { stream: true });
      if (begun) {
        const payloads = dataOf(await response.text());
        expect(textOf(payloads)).toBe("half");
        expect(JSON.parse(payloads.at(-2) ?? "")).toMatchObject({ error: { code } });
        expect(payloads.at(-1)).toBe("[DONE]");
      } else {
        expect((await errorOf(response)).code).toBe(code);
      }
      agent.close();
      connected.pop();
      await modelOnline(owner.apiKey, "starter", false);
    }
  });

  it("of a line that was cut off by the drop leaves no trace of the half", async () => {
    await connect(async (_asked, stream) => {
      await writeEvents(stream, { type: "text", text: "whole" });
      await stream.write(new TextEncoder().encode('{"type":"text","text":"ha'));
      await scheduler.wait(20);
      connected[0]?.close();
    });
    const payloads = dataOf(await (await chat(owner.apiKey, { stream: true })).text());
    expect(textOf(payloads)).toBe("whole");
    expect(JSON.parse(payloads.at(-2) ?? "")).toMatchObject({ error: { code: "agent_disconnected" } });
  });
});

function sending(text: string, then?: "end"): Answer {
  return async (_asked, stream) => {
    await stream.write(new TextEncoder().encode(text));
    if (then === "end") stream.end();
  };
}

describe("a model", () => {
  it("that nobody has is 404, one whose machine is away is 503", async () => {
    await connect(saying("x"));
    const unknown = await chat(owner.apiKey, { model: "gpt-9" });
    expect(unknown.status).toBe(404);
    expect(await errorOf(unknown)).toMatchObject({ code: "model_not_found", param: "model" });
    expect((await chat(owner.apiKey, { model: "half a surrogate pair: \ud800" })).status).toBe(404);
    const agent = connected.pop();
    agent?.close();
    await modelOnline(owner.apiKey, "starter", false);
    const away = await chat(owner.apiKey);
    expect(away.status).toBe(503);
    expect(away.headers.get("retry-after")).toBe("5");
    expect((await errorOf(away)).code).toBe("agent_offline");
    expect((await chat(owner.apiKey, { model: "gpt-9" })).status).toBe(404);
  });

  it("on two machines is answered by the one that is less busy", async () => {
    const second = await pair(owner.apiKey, "second");
    const { answer: stuck, stopped } = stuckAfter("first");
    await connect(stuck);
    const busy = await chat(owner.apiKey, { stream: true });
    const other = await TestAgent.connect(second, saying("second"), [STARTER, { ...STARTER, name: "extra" }]);
    await modelOnline(owner.apiKey, "extra");
    expect(contentOf(await (await chat(owner.apiKey)).text())).toBe("second");
    expect(contentOf(await (await chat(owner.apiKey, { model: "extra" })).text())).toBe("second");
    const list = await request("/v1/models", { headers: bearer(owner.apiKey) });
    const { data } = await list.json<{ data: { id: string }[] }>();
    expect(data.map(({ id }) => id)).toEqual(["starter", "extra"]);
    await busy.body?.cancel();
    await stopped;
    await request(`/api/agents/${second.agentId}`, { method: "DELETE", headers: bearer(owner.apiKey) });
    expect((await other.closed).code).toBe(4403);
  });
});

it("asks nothing of the database for a generation but the key's check", async () => {
  await connect(saying("x"));
  await chat(owner.apiKey);
  await env.DB.prepare("ALTER TABLE accounts RENAME TO away").run();
  try {
    expect((await chat(owner.apiKey)).status).toBe(200);
  } finally {
    await env.DB.prepare("ALTER TABLE away RENAME TO accounts").run();
  }
});
