import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";
import { printResult } from "./print.ts";

/** Each benchmark loads when it runs. */
const BENCHES: Record<string, { summary: string; load(): Promise<Bench> }> = {
  api: {
    summary: "what each dialect costs: time per request and per event over an engine that answers at once",
    load: async () => (await import("./api.ts")).api,
  },
  convert: {
    summary: "time and memory to convert and compile a synthetic 1.1B model in int4 and int8",
    load: async () => (await import("./convert.ts")).convert,
  },
  decode: {
    summary: "tokens/s of the starter and of a synthetic 1.1B model, beside the machine's memory bandwidth",
    load: async () => (await import("./decode.ts")).decode,
  },
  door: {
    summary: "what the door costs: key check cold and cached, latency with limits on and off, requests/s per core",
    load: async () => (await import("./door.ts")).door,
  },
  engine: {
    summary: "the engine beside llama.cpp on synthetic models of 135M and 1.1B: speed, time to first token, memory",
    load: async () => (await import("./engine.ts")).engine,
  },
  grammar: {
    summary: "what structured output costs: compiling a grammar, and the mask for each token",
    load: async () => (await import("./grammar.ts")).grammar,
  },
  market: {
    summary: "the market with 10,000 plugins: catalogue, search, publishing, fetching with all checks",
    load: async () => (await import("./market.ts")).market,
  },
  plugins: {
    summary: "calls of plugins, cold and warm, at the edge and at home, with 100 plugins installed",
    load: async () => (await import("./plugins.ts")).plugins,
  },
  precision: {
    summary:
      "one synthetic model in fp32, int8 and int4: memory, time per token, throughput; perplexity of the starter",
    load: async () => (await import("./precision.ts")).precision,
  },
  products: {
    summary: "ONNX Runtime's quantised products alone: what each further token of a step costs",
    load: async () => (await import("./products.ts")).products,
  },
  quantization: {
    summary: "the starter in fp32, int8 and int4, rounded and fitted, beside llama.cpp: bytes, perplexity, agreement",
    load: async () => (await import("./quantization.ts")).quantization,
  },
  relay: {
    summary: "what edge and tunnel add to a direct call: latency, and events/s with 1, 8 and 64 streams",
    load: async () => (await import("./relay.ts")).relay,
  },
  sessions: {
    summary: "conversations: reopening one, listing and searching 100,000, bytes per turn",
    load: async () => (await import("./sessions.ts")).sessions,
  },
};

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const chosen = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const unknown = chosen.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  const lines = Object.entries(BENCHES).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`);
  process.stderr.write(
    `There is no benchmark "${unknown[0]}". npm run bench -- NAME [--json] [--quick]\n${lines.join("\n")}\n`,
  );
  process.exit(2);
}
for (const name of chosen) {
  const bench = await BENCHES[name]?.load();
  if (bench) printResult(name, await bench.run(values), values.json);
}
