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

/** What a dialect adds to an engine that answers at once: to each request, and to each event of its stream. */
export const api: Bench = {
  name: "api",
  summary: "what each dialect costs: time per request and per event over an engine that answers at once",
  run: async ({ quick }): Promise<BenchResult> => {
    const rounds = quick ? 40 : 200;
    const [few, many] = [1, 2001];
    const rows: BenchResult["rows"] = [];
    const figures: BenchResult["figures"] = {};
    for (const { name, key, path, body } of DIALECTS) {
      const request = { path, body: JSON.stringify({ model: "m", ...body }) };
      const short = await measure(request, few, rounds);
      const long = await measure(request, many, Math.ceil(rounds / 4));
      const perEventMs = (quantile(long, 0.5) - quantile(short, 0.5)) / (many - few);
      rows.push([name, quantile(short, 0.5), quantile(short, 0.99), perEventMs]);
      figures[`${key}.request_median_ms`] = quantile(short, 0.5);
      figures[`${key}.request_p99_ms`] = quantile(short, 0.99);
      figures[`${key}.event_ms`] = perEventMs;
    }
    return {
      title: "What a dialect costs",
      columns: ["dialect", "request, median ms", "99th percentile", "each event, ms"],
      rows,
      figures,
      notes: [
        "In one process: the request's body is parsed and checked, translated, and the stream read to its end.",
        `A request: one with ${few} event of text. An event: what ${many - few} more add, divided by their number.`,
      ],
    };
  },
};

/** Milliseconds of each round, after some that nobody counts. */
async function measure(
  { path, body }: { path: string; body: string },
  events: number,
  rounds: number,
): Promise<number[]> {
  const app = createInferenceApi({
    backend: () => ({ listModels: async () => [], generate: () => answer(events), embed: noEmbeddings }),
  });
  const headers = { "content-type": "application/json" };
  const times: number[] = [];
  for (let round = -Math.ceil(rounds / 4); round < rounds; round++) {
    const startedMs = performance.now();
    const response = await app.request(path, { method: "POST", headers, body });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
    if (round >= 0) times.push(performance.now() - startedMs);
  }
  return times;
}

async function* answer(events: number): AsyncGenerator<GenerateEvent> {
  for (let i = 0; i < events; i++) yield { type: "text", text: " word" };
  yield { type: "usage", promptTokens: 20, completionTokens: events };
  yield { type: "finish", reason: "stop" };
}
