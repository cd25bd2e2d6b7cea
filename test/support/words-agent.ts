import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { endChild } from "../../node-agent/end-process.ts";
import { enrol } from "../../node-agent/link/enrol.ts";
import { loadIdentity, savePairing } from "../../node-agent/link/identity.ts";
import { createLink } from "../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { noEmbeddings } from "./no-embeddings.ts";

/**
 * The entry of a process: a machine with the real link and identity, but no model. It says as many words as it is asked for, and waits so many
 * milliseconds after each where it is asked for `WORDS/MS`. Pairs only
 * when it is given a link; tells its parent how its own link stands. A process, so that it can be started to trust a certificate.
 */

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

const words: InferenceBackend = {
  listModels: async () => [{ ...MODEL, online: true }],
  embed: noEmbeddings,
  async *generate(request, signal) {
    const [count = 0, pauseMs = 0] = (request.messages.at(-1)?.content ?? "").split("/").map(Number);
    for (let i = 0; i < count && !signal.aborted; i++) {
      yield { type: "text", text: ` ${i}` };
      await (pauseMs > 0 ? sleep(pauseMs) : nextTurn());
    }
    yield { type: "usage", promptTokens: 1, completionTokens: count };
    yield { type: "finish", reason: "stop" };
  },
};

process.once("disconnect", endChild);
const { enrolUrl, identityFile } = z
  .object({ enrolUrl: z.url().optional(), identityFile: z.string() })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
const identity = await loadIdentity(identityFile);
if (enrolUrl !== undefined) await savePairing(identity, await enrol({ url: enrolUrl, identity, name: "words" }));
const { pairing, ...keys } = await loadIdentity(identityFile);
if (!pairing) throw new Error("This machine is not paired.");
createLink({
  ...pairing,
  identity: { ...keys, pairing },
  backend: words,
  status: () => ({
    type: "status",
    agentVersion: "test",
    machine: { name: "words", os: "none", arch: "none", cpu: "none", cores: 1, memoryBytes: 1 },
    models: [MODEL],
  }),
  onState: (state) => process.send?.(state),
  timing: { reconnectMinMs: 100, reconnectMaxMs: 500 },
}).start();
