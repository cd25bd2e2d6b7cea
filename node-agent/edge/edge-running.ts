import { readFile, rm } from "node:fs/promises";
import { uptime } from "node:os";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";
import { isAlive } from "../process-alive.ts";

const edgeRunningSchema = z.object({
  pid: z.number().int().positive(),
  /** Where people and machines reach it. */
  origin: z.url(),
  state: z.enum(["starting", "online", "restarting", "gave_up"]),
  startedAt: z.iso.datetime(),
  /** How often workerd had to be started again since then. */
  restarts: z.number().int().nonnegative(),
  lastFailure: z.object({ at: z.iso.datetime(), reason: z.string() }).nullable(),
  /** Absent while somebody has set it up, or nobody can yet. */
  setupUrl: z.url().optional(),
  certificate: z.object({ endsAt: z.iso.datetime(), problem: z.string().nullable() }).nullable(),
});
/** How the `porchlight edge` of a data folder fares. */
export type EdgeRunning = z.infer<typeof edgeRunningSchema>;

/** Clocks are set now and then: this much is no restart of the machine. */
const CLOCK_SLACK_MS = 60_000;

/** What was written last; undefined if none ran, or it ended by itself. `alive` is whether its process is. */
export async function readEdgeRunning(file: string): Promise<(EdgeRunning & { alive: boolean }) | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined); // not there: none ran
  if (text === undefined) return undefined;
  const parsed = edgeRunningSchema.safeParse(jsonOrUndefined(text));
  if (!parsed.success) return undefined;
  // After a restart of the machine another process may have its number.
  const isOfThisBoot = Date.parse(parsed.data.startedAt) > Date.now() - uptime() * 1000 - CLOCK_SLACK_MS;
  return { ...parsed.data, alive: isOfThisBoot && isAlive(parsed.data.pid) };
}

/** Keeps the file: one write after the other, the last state wins. */
export class EdgeRunningFile {
  readonly #file: string;
  #state: EdgeRunning;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string, state: EdgeRunning) {
    this.#file = file;
    this.#state = state;
    this.update({});
  }

  get state(): Readonly<EdgeRunning> {
    return this.#state;
  }

  update(change: Partial<EdgeRunning>): void {
    this.#state = { ...this.#state, ...change };
    const text = `${JSON.stringify(this.#state)}\n`;
    this.#writing = this.#writing
      .then(() => writePrivateFile(this.#file, text))
      .catch((error: unknown) => {
        console.error("The edge's state could not be written down:", error);
      });
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async remove(): Promise<void> {
    await this.#writing;
    await rm(this.#file, { force: true });
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a foreign file tells of no edge
  }
}
