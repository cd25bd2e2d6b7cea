import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { endChild } from "../../node-agent/end-process.ts";
import { enrol } from "../../node-agent/link/enrol.ts";
import { loadIdentity } from "../../node-agent/link/identity.ts";
import { createLink } from "../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { noEmbeddings } from "../support/no-embeddings.ts";

/**
 * Many agents in one process: each has its own identity, the real link and a real WebSocket; only the engine is a script. A question
 * "COUNT MS" is answered with the numbers below COUNT, one each MS milliseconds.
 */
const MODEL = {
  name: "numbers",
  contextLength: 10_000_000,
  task: "generate",
  architecture: "none",
  quantization: "fp32",
  parameters: 1,
  createdAt: 0,
  loaded: true,
} as const;

process.once("disconnect", endChild);
const { folder, enrolUrls } = z
  .object({ folder: z.string(), enrolUrls: z.array(z.url()) })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

/** Requests that each agent was given, and characters of text that the question with an interval of 0 got so far. */
const given = enrolUrls.map(() => 0);
let unpaced = 0;

const numbers = (agent: number): InferenceBackend => ({
  listModels: async () => [{ ...MODEL, online: true }],
  embed: noEmbeddings,
  async *generate(request, signal) {
    given[agent] = (given[agent] ?? 0) + 1;
    const [count = 0, ms = 0] = String(request.messages.at(-1)?.content).split(" ").map(Number);
    for (let i = 0; i < count && !signal.aborted; i++) {
      if (ms > 0 && i > 0) await sleep(ms);
      const text = `${i} `;
      if (ms === 0) unpaced += text.length;
      yield { type: "text", text };
    }
    yield { type: "usage", promptTokens: 1, completionTokens: count };
    yield { type: "finish", reason: "stop" };
  },
});

let online = 0;
async function start(enrolUrl: string, agent: number): Promise<void> {
  const identity = await loadIdentity(`${folder}/${agent}.json`);
  const pairing = await enrol({ url: enrolUrl, identity, name: `agent ${agent}` });
  createLink({
    ...pairing,
    identity: { ...identity, pairing },
    backend: numbers(agent),
    status: () => ({
      type: "status",
      agentVersion: "campaign",
      machine: { name: `agent ${agent}`, os: "none", arch: "none", cpu: "none", cores: 1, memoryBytes: 1 },
      models: [MODEL],
      slots: 4,
    }),
    onState: ({ state }) => {
      if (state !== "online") return;
      online += 1;
      if (online === enrolUrls.length) process.send?.({ type: "online" });
    },
  }).start();
}

process.on("message", () => process.send?.({ type: "counts", given, unpaced }));
// A few at a time: an edge that is paired with 200 machines in one second is no one's.
const waiting = [...enrolUrls.entries()];
const workers = Array.from({ length: 8 }, async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await start(next[1], next[0]);
});
await Promise.all(workers);
