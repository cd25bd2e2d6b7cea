import { describe, expect, it } from "vitest";
import { createModelServer } from "../../../node-agent/engine/model-server.ts";
import type { FromModel } from "../../../node-agent/engine/process-messages.ts";
import { createRunner } from "../../../node-agent/engine/runner.ts";
import { loadTextTools } from "../../../node-agent/text/load.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { ask, createAnswerReader } from "../../support/engine-events.ts";
import { waitUntil } from "../../support/engine-processes.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { ToyDecoder } from "../../support/engine-toy-decoder.ts";

const text = await loadTextTools(STARTER);
const OPTIONS = {
  folder: "/opt/someone/models/tiny",
  quantization: "fp32",
  cacheDir: "/opt/someone/compiled",
  slots: 4,
};

/** A server over the toy decoder, with all that it sends. */
function createServer(loadError?: unknown) {
  const sent: FromModel[] = [];
  const decoder = new ToyDecoder({ vocabSize: 4096, contextLength: 512 });
  const receive = createModelServer({
    send: (message) => sent.push(message),
    exit: () => sent.push({ type: "memory", bytes: 0 }),
    loadEmbedder: () => Promise.reject(new Error("no model here makes embeddings")),
    load: async (_options, onProgress) => {
      onProgress(0.5);
      if (loadError !== undefined) throw loadError;
      return createRunner({ ...text, decoder, defaults: { temperature: 0 }, stopTokens: new Set([4091]) });
    },
  });
  const events = (id: number) =>
    sent.flatMap((message) => (message.type === "events" ? message.events : [])).filter((item) => item.id === id);
  const isDone = (id: number) => /finish|error/u.test(events(id).at(-1)?.event.type ?? "");
  const load = async () => {
    receive({ type: "load", options: OPTIONS });
    await waitUntil(async () => sent.some(({ type }) => type === "ready" || type === "failed"));
  };
  return { sent, receive, events, isDone, load };
}

describe("createModelServer", () => {
  it("loads, generates several requests at once, and sends the events of one turn together", async () => {
    const server = createServer();
    await server.load();
    expect(server.sent).toEqual([
      { type: "loading", fraction: 0.5 },
      { type: "ready", execution: { provider: "cpu" } },
    ]);
    for (const id of [1, 2]) {
      server.receive({ type: "generate", id, request: ask("hi", { maxTokens: 60 }) });
    }
    await waitUntil(async () => server.isDone(1) && server.isDone(2));
    const texts = [1, 2].map((id) => {
      const reader = createAnswerReader();
      for (const { event } of server.events(id)) reader.push(event);
      return reader.answer;
    });
    expect(texts[0]?.text).toBe(texts[1]?.text);
    expect(texts[0]?.usage?.completionTokens).toBe(60);
    const batches = server.sent.flatMap((message) => (message.type === "events" ? [message.events] : []));
    expect(batches.some((batch) => new Set(batch.map(({ id }) => id)).size === 2)).toBe(true);
    server.receive({ type: "stats", id: 3 });
    expect(server.sent.at(-1)).toMatchObject({ type: "stats", id: 3, stats: { largestBatch: 2, running: 0 } });
  });

  it("sends nothing of a cancelled request, and takes a cancel of one that is not there", async () => {
    const server = createServer();
    await server.load();
    server.receive({ type: "generate", id: 1, request: ask("hi", { maxTokens: 400 }) });
    await waitUntil(async () => server.events(1).some(({ event }) => event.type === "text"));
    server.receive({ type: "cancel", id: 1 });
    server.receive({ type: "cancel", id: 99 });
    await new Promise(setImmediate);
    const seen = server.events(1).length;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(server.events(1)).toHaveLength(seen);
    expect(server.isDone(1)).toBe(false);
  });

  it.each([
    ["our own error as it is", new PorchlightError("model_load_failed", "no weights"), "no weights"],
    ["another error with its sentence", new Error("disk on fire"), "could not be loaded: disk on fire"],
    ["what is no error", "oh", "could not be loaded: oh"],
    ["an endless message cut to what the wire takes", new Error("x".repeat(100_000)), "xxx"],
  ])("reports a failed load: %s", async (_name, error, message) => {
    const server = createServer(error);
    await server.load();
    const failed = server.sent.at(-1);
    if (failed?.type !== "failed") throw new Error("no failure");
    expect(failed.error.code).toBe("model_load_failed");
    expect(failed.error.message).toContain(message);
    expect(failed.error.message.length).toBeLessThanOrEqual(4096);
  });

  it("tells clients which file is at fault, not where this machine keeps it", async () => {
    const file = "/opt/someone/models/tiny/config.json";
    for (const error of [
      new PorchlightError("model_load_failed", `${file} is not valid JSON.`),
      new Error(`EACCES: open '${file}', then '/opt/someone/compiled/x'`),
    ]) {
      const server = createServer(error);
      await server.load();
      const said = JSON.stringify(server.sent.at(-1));
      expect(said).toContain("tiny/config.json");
      expect(said).not.toContain("someone");
    }
  });

  it("answers a request before the model is loaded with an error, and refuses what is no message", async () => {
    const server = createServer();
    server.receive({ type: "generate", id: 1, request: ask("hi") });
    await waitUntil(async () => server.isDone(1));
    expect(server.events(1)).toMatchObject([{ event: { type: "error", error: { code: "internal" } } }]);
    expect(() => server.receive({ type: "load" })).toThrow(/options/u);
  });
});
