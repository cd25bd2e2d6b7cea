import { parseSource } from "../../node-agent/model/pull/source.ts";
import { pullModel } from "../../node-agent/model/pull/pull.ts";

/** A process that pulls a model: what a test kills. Arguments: endpoint, models folder, source, bytes of a part. */
const [endpoint = "", modelsDir = "", source = "", partBytes = ""] = process.argv.slice(2);
const parsed = parseSource(source, endpoint);
if (parsed.kind === "path") throw new TypeError("A hub has no paths.");
await pullModel(parsed, { modelsDir, endpoint, partBytes: Number(partBytes) });
