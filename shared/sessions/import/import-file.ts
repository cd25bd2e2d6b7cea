import type { ImportAnswer, ImportBatch } from "./batch.ts";
import type { ImportedSession } from "./conversation.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { IMPORT_PROBLEMS, type ImportProblem } from "./problem.ts";
import { readConversations } from "./read-conversations.ts";

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
  /** Sends a batch to `POST /api/sessions/import`. What it throws ends the import; another one goes on where it ended. */
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
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    const { sessions } = await options.send({ sessions: batch.map(({ session }) => session) });
    for (const [at, { state, error }] of sessions.entries()) {
      if (state !== "refused") count[state] += 1;
      else tell({ code: "refused", ...batch[at]?.place, ...(error === null ? {} : { detail: error.message }) });
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
