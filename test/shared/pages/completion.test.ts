import { describe, expect, it } from "vitest";
import { type CompletionEvent, streamCompletion } from "../../../edge/pages/client/logic/completion.ts";
import type { Fetcher } from "../../../edge/pages/client/logic/fetcher.ts";
import { errorSentence } from "../../../edge/pages/client/ui/sentences.ts";
import { stringsFor } from "../../../edge/pages/i18n/index.ts";

const answerId = `chatcmpl-${"a".repeat(32)}`;
const request = { path: "/api/sessions/ses_1/turns", body: { model: "starter", content: "hello" }, answerId };
const chunk = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const text = (content: string): string => chunk({ choices: [{ index: 0, delta: { content } }] });
const finish = (reason: string): string => chunk({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });

/** Runs the client against one fixed response. */
async function run(response: Response | Error, signal = new AbortController().signal): Promise<CompletionEvent[]> {
  const events: CompletionEvent[] = [];
  const fetcher = async (): Promise<Response> => {
    if (response instanceof Error) throw response;
    return response;
  };
  for await (const event of streamCompletion({ ...request, signal }, fetcher)) events.push(event);
  return events;
}

describe("streamCompletion", () => {
  it("asks for a stream with usage, with the cookie", async () => {
    let seen: Parameters<Fetcher> | undefined;
    const fetcher: Fetcher = async (...parameters) => {
      seen = parameters;
      return new Response(finish("stop"));
    };
    const { signal } = new AbortController();
    for await (const event of streamCompletion({ ...request, signal }, fetcher)) expect(event.type).toBe("finish");
    expect(seen?.[0]).toBe(request.path);
    expect(seen?.[1]).toMatchObject({ method: "POST", credentials: "same-origin", signal });
    expect(seen?.[1].headers).toMatchObject({ "porchlight-answer-id": answerId });
    expect(JSON.parse(seen?.[1].body ?? "")).toEqual({
      ...request.body,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("yields text, finish and usage", async () => {
    const usage = chunk({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } });
    const body = `: keep-alive\n\n${text("Hel")}${text("lo")}${finish("stop")}${usage}data: [DONE]\n\n`;
    expect(await run(new Response(body))).toEqual([
      { type: "text", text: "Hel" },
      { type: "text", text: "lo" },
      { type: "finish", reason: "stop" },
      { type: "usage", promptTokens: 5, completionTokens: 2 },
    ]);
  });

  it("tells thoughts from the answer, and which turn it is", async () => {
    const thought = chunk({ choices: [{ index: 0, delta: { reasoning_content: "Hm." } }] });
    const headers = { "porchlight-turn": "7" };
    const turns: number[] = [];
    const events: CompletionEvent[] = [];
    const asked = { ...request, signal: new AbortController().signal, onTurn: (turn: number) => void turns.push(turn) };
    const fetcher: Fetcher = async () => new Response(thought + text("Yes.") + finish("stop"), { headers });
    for await (const event of streamCompletion(asked, fetcher)) events.push(event);
    expect(events.slice(0, 2)).toEqual([
      { type: "thought", text: "Hm." },
      { type: "text", text: "Yes." },
    ]);
    expect(turns).toEqual([7]);
  });

  const numbered = (id: number, event: string): string => `id: ${id}\n${event}`;

  it("goes on behind the last event when the connection is lost, through refusals of an edge that restarts", async () => {
    const asked: string[] = [];
    const answers = [
      () => new Response(numbered(0, text("Hel"))),
      () => Promise.reject(new TypeError("no connection")),
      () => new Response("", { status: 502 }),
      () => new Response(numbered(1, text("lo")) + numbered(2, finish("stop"))),
    ];
    const fetcher: Fetcher = async (path, init) => {
      asked.push(`${init.method ?? "GET"} ${path}`);
      return await (answers.shift()?.() ?? new Response("", { status: 404 }));
    };
    const events: CompletionEvent[] = [];
    const { signal } = new AbortController();
    for await (const event of streamCompletion({ ...request, signal }, fetcher)) events.push(event);
    expect(events.map((event) => (event.type === "text" ? event.text : event.type)).join(" ")).toBe("Hel lo finish");
    const again = `GET /v1/chat/completions/${answerId}?stream=true&starting_after=0`;
    expect(asked).toEqual([`POST ${request.path}`, again, again, again]);
  });

  it("gives up an answer that is no longer kept, and stops one by its name", async () => {
    const asked: string[] = [];
    const abort = new AbortController();
    const fetcher: Fetcher = async (path, init) => {
      asked.push(`${init.method ?? "GET"} ${path}`);
      const error = { message: "It is gone.", code: "resume_expired" };
      return asked.length === 1 ? new Response(numbered(0, text("a"))) : Response.json({ error }, { status: 410 });
    };
    const read = async (signal: AbortSignal): Promise<void> => {
      for await (const event of streamCompletion({ ...request, signal }, fetcher)) expect(event.type).toBe("text");
    };
    await expect(read(abort.signal)).rejects.toMatchObject({ code: "resume_expired" });
    asked.length = 0;
    const reading = read(abort.signal);
    await expect.poll(() => asked.length).toBe(1);
    abort.abort();
    await expect(reading).rejects.toThrow();
    expect(asked).toContain(`POST /v1/chat/completions/${answerId}/cancel`);
  });

  it("throws the API's error with its code and sentence", async () => {
    const error = { message: "No home machine is online.", type: "server_error", code: "agent_offline", param: null };
    await expect(run(Response.json({ error }, { status: 503 }))).rejects.toMatchObject({
      code: "agent_offline",
      message: "No home machine is online.",
      status: 503,
    });
  });

  it("throws an error that comes in the middle of the stream", async () => {
    const body = text("Hel") + chunk({ error: { message: "It crashed.", code: "engine_crashed" } });
    await expect(run(new Response(body))).rejects.toMatchObject({ code: "engine_crashed", message: "It crashed." });
  });

  it.each([
    ["a stream that ends early", new Response(text("Hel")), "cut_off"],
    ["no connection", new TypeError("fetch failed"), "network"],
    ["an answer that is no JSON", new Response("data: <html>\n\n"), "bad_answer"],
    ["a chunk of another shape", new Response(chunk({ choices: "?" })), "bad_answer"],
    ["an error page of a proxy", new Response("<h1>502</h1>", { status: 502 }), "bad_answer"],
  ])("names %s", async (_, response, code) => {
    await expect(run(response)).rejects.toMatchObject({ code });
  });

  it("names a connection that breaks in the middle", async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text("Hel"))),
      pull: (controller) => controller.error(new TypeError("network error")),
    });
    await expect(run(new Response(body))).rejects.toMatchObject({ code: "cut_off" });
  });

  it("rejects with the abort's reason when stopped", async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(run(new DOMException("Aborted", "AbortError"), abort.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("errorSentence", () => {
  const english = { ...stringsFor("en").client, errors: stringsFor("en").errors };
  const chinese = { ...stringsFor("zh-CN").client, errors: stringsFor("zh-CN").errors };

  it("keeps the API's sentence in English and translates it in Chinese", () => {
    const error = { code: "overloaded", message: "Too much work." };
    expect(errorSentence(error, english)).toBe("Too much work.");
    expect(errorSentence(error, chinese)).toBe(stringsFor("zh-CN").errors?.overloaded);
  });

  it("has its own sentence for what never reached the API", () => {
    expect(errorSentence({ code: "network", message: "" }, english)).toBe(english.network);
  });

  it("shows the API's sentence for a code it does not know", () => {
    expect(errorSentence({ code: "new_code", message: "Something new." }, chinese)).toBe("Something new.");
  });
});
