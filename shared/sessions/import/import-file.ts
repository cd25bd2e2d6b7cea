import type { ImportAnswer, ImportBatch } from "./batch.ts";
import type { ImportedSession } from "./conversation.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { IMPORT_PROBLEMS, type ImportProblem } from "./problem.ts";
import { readConversations } from "./read-conversations.ts";

/** A batch was refused as such: what is wrong in it, nothing of it was taken. */
export class BatchRefusedError extends Error {
  override readonly name = "BatchRefusedError";
}

/** How an import goes, and in the end how it went. */
export interface ImportCount {
  added: number;
  /** They were here already. */
  known: number;
  /** Entries and files that could not be taken. */
  skipped: number;
  /** Bytes of JSON that were read so far. */
  bytes: number;
}

export interface ImportFileOptions {
  /**
   * Sends a batch to `POST /api/sessions/import`. Throws BatchRefusedError where that answered with 400 or 413; anything else it throws
   * ends the import, and another one goes on where it ended.
   */
  send(batch: ImportBatch): Promise<ImportAnswer>;
  onProgress?(count: ImportCount): void;
  /** Hears of each thing that is wrong, when it is found. */
  onProblem?(problem: ImportProblem): void;
  nowMs?: number;
}

interface Waiting {
  session: ImportedSession;
  place: Pick<ImportProblem, "label">;
}

/** Takes all conversations of an export file to Porchlight, a batch at a time: no more of them are held. */
export async function importFile(file: Blob, options: ImportFileOptions): Promise<ImportCount> {
  const count: ImportCount = { added: 0, known: 0, skipped: 0, bytes: 0 };
  const tell = (problem: ImportProblem): void => {
    if (IMPORT_PROBLEMS[problem.code].skipped) count.skipped += 1;
    options.onProblem?.(problem);
  };
  const encoder = new TextEncoder();
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    if (batch.length === 0) return;
    for (const { state, detail, waited } of await sendAll(batch, options)) {
      if (state !== "refused") count[state] += 1;
      else tell({ code: "refused", ...waited.place, ...(detail === undefined ? {} : { detail }) });
    }
    options.onProgress?.(count);
  };
  const onBytes = (bytes: number): void => {
    count.bytes += bytes;
  };
  for await (const { session, problems } of readConversations(file, { nowMs: options.nowMs ?? Date.now(), onBytes })) {
    for (const problem of problems) tell(problem);
    if (session === undefined) continue;
    const bytes = encoder.encode(JSON.stringify(session)).length;
    if (waitingBytes + bytes > IMPORT_LIMITS.batchBytes || waiting.length >= IMPORT_LIMITS.batchSessions) await flush();
    waiting.push({ session, place: session.title === "" ? {} : { label: session.title } });
    waitingBytes += bytes;
  }
  await flush();
  options.onProgress?.(count);
  return count;
}

interface Sent {
  state: ImportAnswer["sessions"][number]["state"];
  detail: string | undefined;
  waited: Waiting;
}

/** A batch that is refused is cut in half until what is wrong in it stands alone. */
async function sendAll(batch: readonly Waiting[], options: ImportFileOptions): Promise<Sent[]> {
  try {
    const { sessions } = await options.send({ sessions: batch.map(({ session }) => session) });
    return batch.map((waited, at) => ({
      state: sessions[at]?.state ?? "refused",
      detail: sessions[at]?.error?.message,
      waited,
    }));
  } catch (error) {
    if (!(error instanceof BatchRefusedError)) throw error;
    const [waited] = batch;
    if (batch.length === 1 && waited) return [{ state: "refused", detail: error.message, waited }];
    const half = Math.ceil(batch.length / 2);
    return [...(await sendAll(batch.slice(0, half), options)), ...(await sendAll(batch.slice(half), options))];
  }
}
