import { expect, test } from "vitest";
import { Runs } from "../../../node-agent/link/runs/runs.ts";
import { serve } from "../../../node-agent/link/serve.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { EmbedRequest } from "../../../shared/inference/embed.ts";
import { collectEmbedLines, type EmbedLine, embedLineSchema } from "../../../shared/inference/embed-lines.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../../shared/protocol/types.ts";
import { openStream } from "../../support/test-edge.ts";

const REQUEST: EmbedRequest = { model: "m", inputs: ["Grüße", [1, 2]], truncate: false };

/** The edge's end of a tunnel whose other end answers with `embed`. */
function tunnelTo(embed: InferenceBackend["embed"]): Session {
  const backend: InferenceBackend = {
    listModels: async () => [],
    generate: () => {
      throw new Error("nobody asked");
    },
    embed,
  };
  const end = (role: "edge" | "agent", peer: () => Session): Session =>
    createSession({
      role,
      limits: DEFAULT_SESSION_LIMITS,
      transport: {
        send: (bytes) => queueMicrotask(() => peer().receive(bytes.slice())),
        close: (code, reason) => {
          throw new Error(`closed: ${code} ${reason}`);
        },
      },
      onStream: (stream) => void serve(stream, { backend, runs: new Runs(backend), keeps: false }),
      onControl: () => undefined,
    });
  const edge: Session = end("edge", () => agent);
  const agent: Session = end("agent", () => edge);
  return edge;
}

async function* linesOf(stream: ProtocolStream): AsyncGenerator<EmbedLine> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of stream.incoming) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield embedLineSchema.parse(JSON.parse(line));
  }
}

test("carries a request and all its vectors, more than the stream's credit", async () => {
  const vectors = [0, 1].map((n) => Float32Array.from({ length: 200_000 }, (_, i) => Math.fround(i / 3 + n)));
  const asked: EmbedRequest[] = [];
  const session = tunnelTo(async (request) => {
    asked.push(request);
    return { vectors, promptTokens: 5 };
  });
  const stream = openStream(session, "embed", REQUEST);
  expect(await collectEmbedLines(linesOf(stream), 2)).toEqual({ vectors, promptTokens: 5 });
  expect(asked).toEqual([REQUEST]);
  await expect.poll(() => session.streamCount).toBe(0);
});

test.each([
  ["no JSON", "{", "invalid_json"],
  ["no request", "{}", "invalid_request"],
  ["a request of the other kind", { model: "m", messages: [], sampling: {} }, "invalid_request"],
  ["too deep", `${"[".repeat(100)}${"]".repeat(100)}`, "json_too_deep"],
  ["too large", new Uint8Array(8 * 1024 * 1024 + 1).fill(0x20), "body_too_large"],
])("answers %s with an error", async (_, body, code) => {
  const session = tunnelTo(() => Promise.reject(new Error("it came to the engine")));
  const stream = openStream(session, "embed", body);
  await expect(collectEmbedLines(linesOf(stream), 1)).rejects.toMatchObject({ code });
});

test("hides what broke", async () => {
  const session = tunnelTo(() => Promise.reject(new Error("/home/someone/secret")));
  const error = await collectEmbedLines(linesOf(openStream(session, "embed", REQUEST)), 2).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "internal" });
  expect(String(error)).not.toContain("secret");
});

test("stops the engine when the edge resets the stream", async () => {
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const session = tunnelTo((_request, signal) => {
    signal.addEventListener("abort", () => stopped.resolve());
    started.resolve();
    return new Promise(() => undefined);
  });
  const stream = openStream(session, "embed", REQUEST);
  await started.promise;
  stream.reset({ code: "cancelled", message: "left" });
  await stopped.promise;
});
