import { loadDecoder } from "../../node-agent/model/load.ts";

/**
 * Loads a model with slots for long conversations and fills a part of one, in a process of its own so that its memory can be seen.
 *   node growth-child.ts FOLDER CACHE SLOTS POSITIONS
 * Prints the resident bytes before it is loaded, once it is warm, and after each POSITIONS more of one conversation.
 */
const [folder = "", cacheDir = "", slots = "", positions = ""] = process.argv.slice(2);
const CHUNK = 256;

const resident = [process.memoryUsage.rss()];
const decoder = await loadDecoder({ folder, cacheDir, quantization: "fp32", slots: Number(slots), threads: 1 });
const chunk = Array.from({ length: CHUNK }, (_, i) => i % decoder.vocabSize);
await decoder.prefill(0, chunk, 0);
resident.push(process.memoryUsage.rss());
for (let past = CHUNK; resident.length < 4; ) {
  for (const end = past + Number(positions); past < end; past += CHUNK) await decoder.prefill(0, chunk, past);
  resident.push(process.memoryUsage.rss());
}
console.log(JSON.stringify({ contextLength: decoder.contextLength, bytes: decoder.kv?.bytesPerPosition, resident }));
await decoder.dispose();
