import { loadEmbedRunner, loadRunner } from "./load-runner.ts";
import { createModelServer } from "./model-server.ts";

/** Entry of a model's process: forked with an IPC channel, it lives exactly as long as that channel. */
process.title = "porchlight-model";
process.on("disconnect", () => process.exit(0));
// A Ctrl-C in the terminal reaches the whole process group: when to end is the parent's decision, made by closing the channel.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

process.on(
  "message",
  createModelServer({
    load: loadRunner,
    loadEmbedder: loadEmbedRunner,
    // A send can only fail because the channel is closing, and then `disconnect` follows.
    send: (message) => process.send?.(message, undefined, {}, () => {}),
  }),
);
