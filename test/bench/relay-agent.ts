import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { startLocalApi } from "../../node-agent/agent/local-api.ts";
import { endChild } from "../../node-agent/end-process.ts";
import { enrol } from "../../node-agent/link/enrol.ts";
import { loadIdentity } from "../../node-agent/link/identity.ts";
import { createLink } from "../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { noEmbeddings } from "../support/no-embeddings.ts";

/** An agent with the real link and local API but no model: it says as many small words as the question asks for, at once. */

const MODEL = {
  name: "words",
  contextLength: 1_000_000,
  task: "generate",
  architecture: "none",
  quantization: "fp32",
  parameters: 1,
  createdAt: 0,
  loaded: true,
} as const;
/** Events between two turns of the event loop, as an engine's steps would leave it. */
const BURST = 16;

const words: InferenceBackend = {
  listModels: async () => [{ ...MODEL, online: true }],
  embed: noEmbeddings,
  async *generate(request, signal) {
    const count = Number(request.messages.at(-1)?.content);
    for (let i = 0; i < count && !signal.aborted; i++) {
      yield { type: "text", text: " word" };
      if (i % BURST === BURST - 1) await nextTurn();
    }
    yield { type: "usage", promptTokens: 1, completionTokens: count };
    yield { type: "finish", reason: "stop" };
  },
};

process.once("disconnect", endChild);
const { enrolUrl, identityFile, key } = z
  .object({ enrolUrl: z.url(), identityFile: z.string(), key: z.string() })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
const local = await startLocalApi({ port: 0, key, backend: words, stats: async () => [] });
const identity = await loadIdentity(identityFile);
const pairing = await enrol({ url: enrolUrl, identity, name: "bench" });
createLink({
  ...pairing,
  identity: { ...identity, pairing },
  backend: words,
  status: () => ({
    type: "status",
    agentVersion: "bench",
    machine: { name: "bench", os: "none", arch: "none", cpu: "none", cores: 1, memoryBytes: 1 },
    models: [MODEL],
  }),
  onState: ({ state }) => {
    if (state === "online") process.send?.(local.url);
  },
}).start();
