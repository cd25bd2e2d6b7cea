import { endChild } from "../end-process.ts";
import { loadEmbedRunner, loadRunner } from "./load-runner.ts";
import { createModelServer } from "./model-server.ts";
import type { FromModel } from "./process-messages.ts";

/** Entry of a model's process: forked with an IPC channel, it lives exactly as long as that channel. */
process.title = "porchlight-model";
process.on("disconnect", endChild);
// A Ctrl-C in the terminal reaches the whole process group: when to end is the parent's decision, made by closing the channel.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

/** How often the parent hears what memory this process takes. */
const MEMORY_INTERVAL_MS = 5_000;
// A send can only fail because the channel is closing, and then `disconnect` follows.
const send = (message: FromModel): void => void process.send?.(message, undefined, {}, () => {});
setInterval(() => send({ type: "memory", bytes: process.memoryUsage.rss() }), MEMORY_INTERVAL_MS).unref();

process.on(
  "message",
  createModelServer({
    load: loadRunner,
    loadEmbedder: loadEmbedRunner,
    send,
    exit: endChild,
  }),
);
