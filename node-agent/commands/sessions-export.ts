import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { EXPORT_PROBLEM_FORMAT } from "../../shared/sessions/export/format.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
import type { SessionsFlags } from "./sessions.ts";
import { printable, say } from "./terminal.ts";

const NEW_LINE = 0x0a;
const PROBLEM_START = Buffer.from(`{"format":"${EXPORT_PROBLEM_FORMAT}"`);
/** Such a line has a title and a sentence. */
const PROBLEM_BYTES = 8 * 1024;
const problemSchema = z.object({ title: z.string(), message: z.string() });

/** `porchlight sessions export`: all of one's conversations, a line of JSON for each, whole or not at all. */
export async function exportSessions({ force, out, ...flags }: SessionsFlags): Promise<number> {
  if (out !== undefined && !force && (await stat(out).catch(() => undefined)) !== undefined) {
    throw new CommandError("bad_usage", `${out} is there already. Name another file, or say --force.`);
  }
  const { origin, apiKey } = await edgeAccess(flags);
  const response = await fetch(`${origin}/api/sessions/export`, {
    headers: { authorization: `Bearer ${apiKey}` },
    redirect: "error",
  }).catch((cause: unknown) => {
    throw new CommandError("edge_unreachable", `The edge at ${origin} does not answer.`, { cause });
  });
  if (!response.ok || response.body === null) {
    const failed = z
      .object({ error: z.object({ message: z.string() }) })
      .safeParse(await response.json().catch(() => undefined));
    const sentence = failed.data?.error.message ?? `The edge answered with status ${response.status}.`;
    throw new CommandError("request_failed", sentence);
  }
  const lines = new LineCounter();
  await write(response.body, lines, out);
  for (const { title, message } of lines.problems) say(`  not exported: “${printable(title)}”: ${message}`);
  const exported = lines.count - lines.problems.length;
  if (out !== undefined) say(`${exported} conversations are in ${out}.`);
  return lines.problems.length === 0 ? 0 : 1;
}

async function write(body: ReadableStream<Uint8Array>, lines: LineCounter, out: string | undefined): Promise<void> {
  const draft = out === undefined ? undefined : `${out}.${process.pid}.part`;
  try {
    if (draft === undefined) await pipeline(body, lines, process.stdout, { end: false });
    else await pipeline(body, lines, createWriteStream(draft, { mode: 0o600 }));
  } catch (cause) {
    if (draft !== undefined) await rm(draft, { force: true });
    throw new CommandError("request_failed", "The export broke off. Try again.", { cause });
  }
  if (draft !== undefined && out !== undefined) await rename(draft, out);
}

/** Lets bytes through, and counts their lines. */
class LineCounter extends Transform {
  count = 0;
  readonly problems: z.infer<typeof problemSchema>[] = [];
  /** The beginning of a line that may be a problem's. */
  #start: Buffer = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    for (let from = 0; from < chunk.length; ) {
      const end = chunk.indexOf(NEW_LINE, from);
      const to = end === -1 ? chunk.length : end;
      const room = PROBLEM_BYTES - this.#start.length;
      this.#start = Buffer.concat([this.#start, chunk.subarray(from, Math.min(to, from + room))]);
      if (end !== -1) this.#lineEnded();
      from = to + 1;
    }
    done(null, chunk);
  }

  #lineEnded(): void {
    this.count += 1;
    if (this.#start.subarray(0, PROBLEM_START.length).equals(PROBLEM_START)) {
      this.problems.push(problemSchema.parse(JSON.parse(this.#start.toString())));
    }
    this.#start = Buffer.alloc(0);
  }
}
