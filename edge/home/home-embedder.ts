import { collectEmbedLines } from "../../shared/inference/embed-lines.ts";
import type { EmbedRequest } from "../../shared/inference/embed.ts";
import { encodeJson } from "../../shared/protocol/json.ts";
import { OutcomeReader } from "./dispatch/outcome-reader.ts";
import type { Machines } from "./dispatch/machines.ts";
import { readEmbedLines } from "./event-lines.ts";
import { relayEvents } from "./relay.ts";
import type { Embedder } from "./sessions/meaning/meaning-index.ts";
import type { StreamOpener } from "./stream-opener.ts";

/** The household's embedding models, for what it does by itself: nobody's limits count it. */
export function homeEmbedder(machines: Machines, opener: StreamOpener): Embedder {
  return {
    models: () => {
      const all = machines.list().flatMap(({ models, online }) => models.map((model) => ({ ...model, online })));
      const byName = Map.groupBy(
        all.filter(({ task }) => task === "embed"),
        ({ name }) => name,
      );
      return [...byName].map(([name, its]) => ({ name, online: its.some(({ online }) => online) }));
    },
    async embed(model, texts, purpose, signal) {
      const request: EmbedRequest = { model, inputs: [...texts], purpose, truncate: true };
      const body = encodeJson(request);
      const demand = { task: "embed", model, bodyBytes: body.length, prefix: [] } as const;
      const { stream, placement } = opener.openFirst(demand, {
        kind: "embed",
        requestId: `embed-${crypto.randomUUID()}`,
      });
      stream.write(body).catch(() => undefined); // It fails when the stream is lost: then its reader has the error.
      stream.end();
      const outcome = new OutcomeReader();
      const lines = relayEvents(stream, signal, {
        read: (bytes) => outcome.read(bytes),
        settle: (lost) => {
          if (placement.end(outcome.outcome(lost))) opener.check(placement.agentId);
        },
      });
      const { vectors } = await collectEmbedLines(readEmbedLines(lines, signal), texts.length);
      return vectors;
    },
  };
}
