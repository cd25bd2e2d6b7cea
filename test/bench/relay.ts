import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { freePort } from "../support/stack.ts";
import type { Bench, BenchResult } from "./bench.ts";
import { quantile } from "./statistics.ts";

interface Target {
  url: string;
  key: string;
}

const STREAMS = [1, 8, 64] as const;
/** Requests each way before any is counted: the code of both sides is compiled by then. */
const WARM_UP = 500;
const SETUP_TOKEN = "bench";

/** What the edge and the tunnel cost, against calling the same agent directly, interleaved in one run. */
export const relay: Bench = {
  name: "relay",
  summary: "latency and events/s that edge and tunnel add to a direct call",
  run: async ({ quick }) => {
    await buildEdgeIfNeeded();
    const root = await mkdtemp(join(tmpdir(), "porchlight-relay-"));
    const folder = dataFolder(root);
    const edge = await startEmbeddedEdge({ stateDir: folder.edge, port: await freePort(), setupToken: SETUP_TOKEN });
    const owner = await ensureOwner(edge.origin, SETUP_TOKEN, folder.owner);
    const agent = await startAgent({
      enrolUrl: await owner.pairingUrl(),
      identityFile: folder.localIdentity,
      key: "bench",
    });
    try {
      const targets = { edge: { url: edge.origin, key: owner.apiKey }, direct: { url: agent.url, key: "bench" } };
      return report(await latencies(targets, quick ? 100 : 500), await throughputs(targets, quick ? 1 : 5));
    } finally {
      agent.stop();
      await edge.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};

type Targets = Record<"edge" | "direct", Target>;
type Samples = Record<"edge" | "direct", number[]>;

async function latencies(targets: Targets, rounds: number): Promise<Samples> {
  const samples: Samples = { edge: [], direct: [] };
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const name of ["edge", "direct"] as const) {
      const { firstEventMs } = await readWords(targets[name], 1);
      if (round >= 0) samples[name].push(firstEventMs);
    }
  }
  return samples;
}

/** Events/s of all streams together, per number of streams; the median of the rounds. */
async function throughputs(
  targets: Targets,
  rounds: number,
): Promise<Record<number, Record<"edge" | "direct", number>>> {
  const result: Record<number, Record<"edge" | "direct", number>> = {};
  for (const streams of STREAMS) {
    const samples: Samples = { edge: [], direct: [] };
    for (let round = 0; round < rounds + 1; round++) {
      for (const name of ["edge", "direct"] as const) {
        const each = Math.ceil(40_000 / streams);
        const start = performance.now();
        await Promise.all(Array.from({ length: streams }, () => readWords(targets[name], each)));
        if (round > 0) samples[name].push((each * streams) / ((performance.now() - start) / 1000));
      }
    }
    result[streams] = { edge: quantile(samples.edge, 0.5), direct: quantile(samples.direct, 0.5) };
  }
  return result;
}

/** Streams `count` words and checks that as many events came. */
async function readWords(target: Target, count: number): Promise<{ firstEventMs: number }> {
  const start = performance.now();
  const response = await fetch(`${target.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${target.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "words", stream: true, messages: [{ role: "user", content: String(count) }] }),
  });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}: ${await response.text()}`);
  let firstEventMs = 0;
  let seen = 0;
  let rest = "";
  const needle = '" word"';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    firstEventMs ||= performance.now() - start;
    const joined = rest + text;
    let at = joined.indexOf(needle);
    while (at !== -1) {
      seen++;
      at = joined.indexOf(needle, at + needle.length);
    }
    // Shorter than a word: one cut by the boundary is counted with the next piece, none is counted twice.
    rest = joined.slice(-(needle.length - 1));
  }
  if (seen !== count) throw new Error(`${seen} events came instead of ${count}.`);
  return { firstEventMs };
}

function report(latency: Samples, events: Awaited<ReturnType<typeof throughputs>>): BenchResult {
  const [edge50, edge99, direct50, direct99] = [
    quantile(latency.edge, 0.5),
    quantile(latency.edge, 0.99),
    quantile(latency.direct, 0.5),
    quantile(latency.direct, 0.99),
  ];
  const rows: (string | number)[][] = [
    ["first event, median (ms)", direct50, edge50, `+${(edge50 - direct50).toFixed(2)} ms`],
    ["first event, p99 (ms)", direct99, edge99, `+${(edge99 - direct99).toFixed(2)} ms`],
  ];
  const figures: Record<string, number> = {
    "latency.direct.median_ms": direct50,
    "latency.edge.median_ms": edge50,
    "latency.added.median_ms": edge50 - direct50,
    "latency.direct.p99_ms": direct99,
    "latency.edge.p99_ms": edge99,
    "latency.added.p99_ms": edge99 - direct99,
  };
  for (const streams of STREAMS) {
    const pair = events[streams];
    if (!pair) continue;
    rows.push([
      `events/s, ${streams} stream${streams > 1 ? "s" : ""}`,
      pair.direct,
      pair.edge,
      `x ${(pair.edge / pair.direct).toFixed(2)}`,
    ]);
    figures[`events.direct.streams${streams}.per_second`] = pair.direct;
    figures[`events.edge.streams${streams}.per_second`] = pair.edge;
  }
  return {
    title: "Relay: through edge and tunnel, against the agent directly",
    columns: ["", "direct", "through the edge", "difference"],
    rows,
    figures,
    notes: [
      `${latency.edge.length} streamed requests each way for the latency, one after the other and interleaved, after ${WARM_UP} to warm up; first byte of the first event.`,
      "Every event is one 5-character word. Client, Worker, tunnel and agent share this machine's cores.",
    ],
  };
}

async function startAgent(options: { enrolUrl: string; identityFile: string; key: string }) {
  const child = fork(fileURLToPath(new URL("relay-agent.ts", import.meta.url)), [JSON.stringify(options)]);
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (message) => resolve(z.url().parse(message)));
    child.once("exit", (code) => reject(new Error(`The bench's agent ended with code ${code}.`)));
  });
  return { url, stop: () => child.kill() };
}
