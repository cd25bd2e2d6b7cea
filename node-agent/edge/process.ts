import { CommandError } from "../commands/command-error.ts";
import { endChild } from "../end-process.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "./embedded.ts";
import { type EmbeddedEdgeOptions, type FromEdge, toEdgeSchema } from "./messages.ts";

/** The embedded edge as a child of `porchlight up`: workerd must not outlive its supervisor, however that ends. */

process.title = "porchlight-edge";
process.once("disconnect", () => void exit());
process.on("message", (raw) => {
  const message = toEdgeSchema.parse(raw);
  void (message.type === "start" ? start(message.options) : exit());
});

let edge: Promise<EmbeddedEdge> | undefined;
tell({ type: "up" });

async function start(options: EmbeddedEdgeOptions): Promise<void> {
  try {
    edge ??= startEmbeddedEdge(options);
    tell({ type: "ready", origin: (await edge).origin });
  } catch (error) {
    const known = error instanceof CommandError && error.code === "port_taken";
    const message = error instanceof Error ? error.message : String(error);
    // This process is of no more use then. Where an edge ran before, the supervisor tries again with the next one.
    tell({ type: "failed", code: known ? "port_taken" : "not_ready", message }, () => void exit());
  }
}

async function exit(): Promise<never> {
  await edge?.then((running) => running.stop()).catch(() => undefined); // a failed start was reported when it happened
  endChild();
}

function tell(message: FromEdge, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, {}, sent);
}
