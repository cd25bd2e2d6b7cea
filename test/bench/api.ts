import { Hono } from "hono";
import { createInferenceApi } from "../../shared/api/inference-api.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import { noEmbeddings } from "../support/no-embeddings.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { quantile } from "./statistics.ts";

const QUESTION = "What is the weather like in Kyiv today, and should I take an umbrella?";
const messages = [{ role: "user", content: QUESTION }];

/** A streamed request in each dialect. */
const DIALECTS: { name: string; key: string; path: string; body: object }[] = [
  { name: "OpenAI, chat", key: "openai_chat", path: "/v1/chat/completions", body: { messages, stream: true } },
  {
    name: "OpenAI, responses",
    key: "openai_responses",
    path: "/v1/responses",
    body: { input: QUESTION, stream: true },
  },
  {
    name: "OpenAI, completions",
    key: "openai_completions",
    path: "/v1/completions",
    body: { prompt: QUESTION, stream: true },
  },
  {
    name: "Anthropic, messages",
    key: "anthropic",
    path: "/v1/messages",
    body: { messages, max_tokens: 9999, stream: true },
  },
  { name: "Ollama, chat", key: "ollama", path: "/api/chat", body: { messages } },
];

/** An engine behind nothing: its request is read as JSON, its events are written as lines of JSON. */
const BARE = { path: "/bare", body: { messages } };

/** What a dialect adds to an engine that answers at once: to each request, and to each event of its stream. */
export const api: Bench = {
  name: "api",
  summary: "what each dialect costs: time per request and per event over an engine that answers at once",
  run: async ({ quick }): Promise<BenchResult> => {
    const rounds = quick ? 40 : 2000;
    const [few, many] = [1, 2001];
    const rows: BenchResult["rows"] = [];
    const figures: BenchResult["figures"] = {};
    for (const { name, key, path, body } of DIALECTS) {
      const short = await measure({ path, body }, few, rounds);
      const long = await measure({ path, body }, many, Math.ceil(rounds / 20));
      const perEventMs = (medianOf(long.added) - medianOf(short.added)) / (many - few);
      rows.push([name, medianOf(short.bare), medianOf(short.whole), medianOf(short.added), perEventMs]);
      figures[`${key}.request_median_ms`] = medianOf(short.whole);
      figures[`${key}.request_added_ms`] = medianOf(short.added);
      figures[`${key}.event_added_ms`] = perEventMs;
    }
    return {
      title: "What a dialect costs",
      columns: ["dialect", "request without one, median ms", "with it", "added", "added to each event, ms"],
      rows,
      figures,
      notes: [
        "In one process: the request's body is parsed and checked, translated, and the stream read to its end. Medians.",
        "Without a dialect: the same server reads JSON and writes the engine's events as lines of JSON; measured in turns with it.",
        `A request: one with ${few} event of text. An event: what ${many - few} more add, divided by their number.`,
      ],
    };
  },
};

const medianOf = (times: readonly number[]): number => quantile(times, 0.5);

/** Milliseconds of each round with the dialect and without, in turns, once both have run hot. */
async function measure(
  request: { path: string; body: object },
  events: number,
  rounds: number,
): Promise<{ whole: number[]; bare: number[]; added: number[] }> {
  const app = createInferenceApi({
    backend: () => ({ listModels: async () => [], generate: () => answer(events), embed: noEmbeddings }),
  });
  const without = new Hono().post(BARE.path, async (c) => {
    await c.req.json();
    return c.body(ReadableStream.from(lines(events)));
  });
  const times: { whole: number[]; bare: number[]; added: number[] } = { whole: [], bare: [], added: [] };
  for (let round = -rounds; round < rounds; round++) {
    const bare = await timeOf(without, BARE);
    const whole = await timeOf(app, request);
    if (round < 0) continue;
    times.bare.push(bare);
    times.whole.push(whole);
    times.added.push(whole - bare);
  }
  return times;
}

async function timeOf(
  app: { request: (path: string, init: RequestInit) => Response | Promise<Response> },
  { path, body }: { path: string; body: object },
): Promise<number> {
  const text = JSON.stringify({ model: "m", ...body });
  const headers = { "content-type": "application/json" };
  const startedMs = performance.now();
  const response = await app.request(path, { method: "POST", headers, body: text });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
  return performance.now() - startedMs;
}

async function* lines(events: number): AsyncGenerator<Uint8Array> {
  for await (const event of answer(events)) yield new TextEncoder().encode(`${JSON.stringify(event)}\n`);
}

async function* answer(events: number): AsyncGenerator<GenerateEvent> {
  for (let i = 0; i < events; i++) yield { type: "text", text: " word" };
  yield { type: "usage", promptTokens: 20, completionTokens: events };
  yield { type: "finish", reason: "stop" };
}
