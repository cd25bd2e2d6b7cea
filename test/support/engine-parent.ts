import { starterModel } from "./engine-starter.ts";
import { createEngineBackend } from "../../node-agent/engine/backend.ts";

/** A process that loads a model, prints the model process's id, and waits to be killed. Arguments: folder, cache folder. */
const [folder = "", cacheDir = ""] = process.argv.slice(2);
const backend = createEngineBackend({
  models: [starterModel({ folder })],
  cacheDir,
});
await backend.preload("starter");
process.stdout.write(`${backend.processes()[0]?.pid}\n`);
