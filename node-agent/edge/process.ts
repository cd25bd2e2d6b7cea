import { CommandError } from "../commands/command-error.ts";
import { endChild } from "../end-process.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "./embedded.ts";
import { type EmbeddedEdgeOptions, type FromEdge, type ToEdge, toEdgeSchema } from "./messages.ts";
import { watchHealth } from "./watch-health.ts";
import { onWorkerdExit } from "./workerd-exit.ts";

/** The embedded edge as a child of `porchlight up`: workerd must not outlive its supervisor, however that ends. */

process.title = "porchlight-edge";
process.once("disconnect", () => void exit());
process.on("message", (raw) => {
  void take(toEdgeSchema.parse(raw));
});

let edge: Promise<EmbeddedEdge> | undefined;
let ended = false;
// Miniflare would start workerd again at once and for ever, and tell nobody. The supervisor waits, counts and says so.
onWorkerdExit((how) => crash(`workerd ended: ${how}`));
tell({ type: "up" });

async function take(message: ToEdge): Promise<void> {
  switch (message.type) {
    case "start":
      return await start(message.options);
    case "goAway":
      return await edge?.then((running) => running.goAway()).catch(() => undefined); // one that did not start has no machines
    case "stop":
      return await exit();
  }
}

async function start(options: EmbeddedEdgeOptions): Promise<void> {
  try {
    edge ??= startEmbeddedEdge(options);
    const { origin, hasOwner } = await edge;
    tell({ type: "ready", origin, hasOwner });
    watchHealth(origin, crash, options.health);
  } catch (error) {
    const known = error instanceof CommandError && error.code === "port_taken";
    const message = error instanceof Error ? error.message : String(error);
    // This process is of no more use then. Where an edge ran before, the supervisor tries again with the next one.
    tell({ type: "failed", code: known ? "port_taken" : "not_ready", message }, () => void exit());
  }
}

/** Ends this process at once: its supervisor kills what it started. A crash while it starts or stops is told by that. */
function crash(message: string): void {
  if (ended) return;
  ended = true;
  tell({ type: "crashed", message }, endChild);
  if (!process.connected) endChild();
}

async function exit(): Promise<never> {
  ended = true;
  await edge?.then((running) => running.stop()).catch(() => undefined); // a failed start was reported when it happened
  endChild();
}

function tell(message: FromEdge, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, {}, sent);
}
