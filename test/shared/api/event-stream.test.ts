import { afterEach, describe, expect, it, vi } from "vitest";
import { API_LIMITS } from "../../../shared/api/limits.ts";
import { eventStream } from "../../../shared/api/sse.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { apiOver, ask, FINISH, payloadsOf, yielding } from "./support.ts";

afterEach(() => {
  vi.useRealTimers();
});

const text = (value: string): GenerateEvent => ({ type: "text", text: value });
const never = () => new Promise<never>(() => undefined);

function stringsOf(events: AsyncIterator<string>, keepAliveMs = 60_000) {
  const cancelled = vi.fn();
  const stream = eventStream(events, {
    encode: (event) => event,
    fail: ({ code }) => `[${code}]`,
    end: () => ".",
    keepAliveMs,
    onCancel: cancelled,
  });
  return { cancelled, reader: stream.pipeThrough(new TextDecoderStream()).getReader() };
}

describe("events", () => {
  it("that are ready together leave in one write", async () => {
    const { promise: later, resolve } = Promise.withResolvers<void>();
    async function* events() {
      yield* ["a", "b", "c"];
      await later;
      yield* ["d", "e"];
    }
    const { reader } = stringsOf(events());
    expect((await reader.read()).value).toBe("abc");
    setTimeout(resolve, 5);
    expect((await reader.read()).value).toBe("de.");
    expect((await reader.read()).done).toBe(true);
  });

  it("do not wait for others that are not there", async () => {
    async function* events() {
      yield "first";
      await never();
    }
    const { reader } = stringsOf(events());
    expect((await reader.read()).value).toBe("first");
    await reader.cancel();
  });

  it("are read only as the client takes them", async () => {
    let made = 0;
    async function* events() {
      for (;;) {
        made += 1;
        yield "x".repeat(1024);
      }
    }
    const { reader } = stringsOf(events());
    for (let i = 1; i <= 5; i++) {
      await reader.read();
      await new Promise((done) => setTimeout(done, 5));
      // What was read, what the decoder on the way holds, and one write that is ready.
      expect(made).toBeLessThanOrEqual((i + 2) * 17);
    }
    const before = made;
    await new Promise((done) => setTimeout(done, 20));
    expect(made).toBe(before);
    await reader.cancel();
  });

  it("stop when the client leaves, also while nothing comes", async () => {
    async function* events() {
      yield "a";
      await never();
    }
    const { reader, cancelled } = stringsOf(events());
    await reader.read();
    await Promise.race([reader.cancel(), new Promise((done) => setTimeout(done, 50))]);
    expect(cancelled).toHaveBeenCalledOnce();
  });
});

describe("a silent stream", () => {
  it("is kept alive by comments, only between events, and only while it is silent", async () => {
    vi.useFakeTimers();
    const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* events() {
      yield "a";
      await steps[0]?.promise;
      yield "b";
      await steps[1]?.promise;
    }
    const { reader } = stringsOf(events(), 1000);
    expect((await reader.read()).value).toBe("a");
    let next = reader.read();
    await vi.advanceTimersByTimeAsync(1000);
    expect((await next).value).toBe(": keep-alive\n\n");
    next = reader.read();
    await vi.advanceTimersByTimeAsync(1000);
    expect((await next).value).toBe(": keep-alive\n\n");
    next = reader.read();
    await vi.advanceTimersByTimeAsync(600);
    steps[0]?.resolve();
    expect((await next).value).toBe("b");
    next = reader.read();
    await vi.advanceTimersByTimeAsync(999);
    const early = await Promise.race([next, Promise.resolve("nothing yet")]);
    expect(early).toBe("nothing yet");
    await vi.advanceTimersByTimeAsync(1);
    expect((await next).value).toBe(": keep-alive\n\n");
    steps[1]?.resolve();
    expect((await reader.read()).value).toBe(".");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("headers", () => {
  it("wait for the first token while there is progress, but no longer than the limit", async () => {
    vi.useFakeTimers();
    const { promise: loaded, resolve } = Promise.withResolvers<void>();
    const api = apiOver(async function* generate() {
      yield { type: "progress", stage: "loading" };
      await loaded;
      yield text("late");
      yield* FINISH;
    });
    let answered = false;
    const asked = ask(api, { stream: true }).then((response) => {
      answered = true;
      return response;
    });
    await vi.advanceTimersByTimeAsync(API_LIMITS.headersAfterMs - 1);
    expect(answered).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const response = await asked;
    expect(response.status).toBe(200);
    resolve();
    const payloads = payloadsOf(await response.text());
    expect(payloads[1]).toContain("late");
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("do not wait at all for a token that is there", async () => {
    vi.useFakeTimers();
    const response = await ask(apiOver(yielding(text("a"), ...FINISH)), { stream: true });
    expect(payloadsOf(await response.text())[1]).toContain('"a"');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a client that goes away", () => {
  /** A backend that notes when it is told to stop, and otherwise never moves again after `events`. */
  function stuck(...events: GenerateEvent[]) {
    const { promise: stopped, resolve } = Promise.withResolvers<true>();
    const api = apiOver(async function* generate(_request, signal) {
      signal.addEventListener("abort", () => resolve(true));
      yield* events;
      await never();
    });
    return { api, stopped };
  }

  it("stops the generation while it streams", async () => {
    const { api, stopped } = stuck(text("a"));
    const reader = (await ask(api, { stream: true })).body?.getReader();
    await reader?.read();
    void reader?.cancel();
    expect(await stopped).toBe(true);
  });

  it.each([true, false])("stops it before the first token (stream: %s)", async (stream) => {
    const { api, stopped } = stuck({ type: "progress", stage: "prefill" });
    const abort = new AbortController();
    const response = ask(api, { stream }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    expect(await stopped).toBe(true);
    expect((await response).status).toBe(408);
  });

  it("stops a whole answer half made", async () => {
    const { api, stopped } = stuck(text("a"));
    const abort = new AbortController();
    const response = ask(api, {}, { signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    expect(await stopped).toBe(true);
    expect((await response).status).toBe(408);
  });
});
