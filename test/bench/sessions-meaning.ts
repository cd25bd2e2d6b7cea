import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { packVector } from "../../edge/home/sessions/meaning/vector.ts";

/** What the agent of this benchmark has to embed with. */
export const EMBEDDER = {
  name: "directions",
  contextLength: 512,
  task: "embed",
  architecture: "none",
  quantization: "fp32",
  parameters: 1,
  createdAt: 0,
  loaded: true,
} as const;

/** As many as the usual small sentence models. */
const DIMENSIONS = 384;
const TOPICS = 20_000;

const sessionSchema = z.object({ id: z.string(), user_id: z.string(), turn_count: z.number() });

/** The files of the SQLite databases of Home objects. */
export async function homeFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sqlite") && entry.parentPath.includes("Home"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A direction for each text: those of two texts are all but at right angles. */
export function directionOf(text: string): Float32Array {
  let state = 0x811c9dc5;
  // FNV-1a, then an xorshift of 32 bits.
  for (const unit of text) state = Math.imul(state ^ (unit.codePointAt(0) ?? 0), 0x01000193);
  const vector = Float32Array.from({ length: DIMENSIONS }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  });
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

export const topicName = (topic: number): string => `topic ${topic}`;

/**
 * Writes a vector for every turn into a household's own file, while its edge is stopped: to have each made by a machine takes as long as
 * a machine takes. Sessions go round the topics, and all turns are of one time. Returns how many vectors there are.
 */
export async function writeVectors(folder: string, createdAtMs: number): Promise<number> {
  let vectors = 0;
  for (const file of await homeFiles(folder)) {
    using database = new DatabaseSync(file);
    const has = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'session_turn_vectors'").get();
    if (has === undefined) continue;
    const sessions = z
      .array(sessionSchema)
      .parse(database.prepare("SELECT id, user_id, turn_count FROM sessions").all());
    const add = database.prepare("INSERT INTO session_turn_vectors VALUES (?, ?, ?, ?, ?)");
    const know = database.prepare("INSERT INTO session_meaning VALUES (?, ?, ?)");
    database.exec("BEGIN");
    for (const [at, { id, user_id: userId, turn_count: turns }] of sessions.entries()) {
      const vector = new Uint8Array(packVector(directionOf(topicName(at % TOPICS))));
      for (let index = 0; index < turns; index++) add.run(userId, id, index, createdAtMs, vector);
      know.run(id, EMBEDDER.name, turns);
      vectors += turns;
    }
    database.exec("DELETE FROM session_meaning_due; COMMIT");
  }
  return vectors;
}
