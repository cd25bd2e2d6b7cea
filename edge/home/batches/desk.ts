import { unknownModel } from "../../../shared/api/openai/models-route.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { allowsModel } from "../../credentials/key-grant.ts";
import type { JobDesk } from "../jobs/desk.ts";
import type { Job } from "../jobs/job.ts";
import { queuedRequest } from "../jobs/queued-request.ts";
import { type Made, made, takeMade } from "../made.ts";
import { type Batch, type BatchStatus, type BatchView, hasEnded, type NewBatch } from "./batch.ts";
import { BatchTable, type StoredLine } from "./batch-table.ts";
import { type BatchFile, FileTable } from "./file-table.ts";
import { BATCH_LIMITS } from "./limits.ts";
import { type BatchLine, readLine, requestOf } from "./line.ts";
import { resultFiles, UNASKED } from "./result-files.ts";

/** What the Worker may ask of the desk: see `batchesOf`. */
export const BATCH_METHODS = [
  "addFile",
  "file",
  "files",
  "part",
  "removeFile",
  "create",
  "batch",
  "batches",
  "cancel",
] as const;
export type BatchMethod = (typeof BATCH_METHODS)[number];

export interface BatchDeskOptions {
  sql: SqlStorage;
  transaction: (step: () => void) => void;
  jobs: Pick<JobDesk, "add" | "job" | "cancel" | "remove">;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** An answer in a row, as JSON of its events. */
const OUTCOME_CHARACTERS = 600_000;

/**
 * Files and batches of OpenAI's clients, each its caller's own. A batch's lines go through the household's queue, a few at a time and
 * behind everybody else's; all that counts is in SQLite, so that any moment may be the object's last.
 */
export class BatchDesk {
  readonly #files: FileTable;
  readonly #table: BatchTable;
  readonly #options: BatchDeskOptions;
  readonly #now: () => number;
  #soon: ReturnType<typeof setTimeout> | undefined;
  /** Batches whose files are being written. */
  readonly #finishing = new Set<string>();

  constructor(options: BatchDeskOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#files = new FileTable(options.sql);
    this.#table = new BatchTable(options.sql);
  }

  /** Refused as `records_full` and `body_too_large`. */
  addFile(
    callerId: string,
    filename: string,
    bytes: Uint8Array,
    purpose: "batch" | "user_data" = "batch",
  ): Made<BatchFile> {
    return made(() => {
      if (bytes.length > BATCH_LIMITS.fileBytes) throw new PorchlightError("body_too_large");
      const own = this.#files.size(callerId);
      const isFull =
        own.files >= BATCH_LIMITS.filesPerCaller ||
        own.bytes + bytes.length > BATCH_LIMITS.bytesPerCaller ||
        this.#files.size().bytes + bytes.length > BATCH_LIMITS.bytes;
      if (isFull) throw new PorchlightError("records_full");
      return this.#keepFile(callerId, { purpose, filename }, bytes);
    });
  }

  file(callerId: string, id: string): BatchFile | undefined {
    return this.#files.find(callerId, id);
  }

  /** The oldest first. */
  files(callerId: string): BatchFile[] {
    return this.#files.list(callerId);
  }

  /** A part of a file's content; undefined behind the last. */
  part(callerId: string, id: string, part: number): Uint8Array | undefined {
    return this.#files.find(callerId, id) === undefined ? undefined : this.#files.part(id, part);
  }

  removeFile(callerId: string, id: string): boolean {
    return this.#files.remove(callerId, id);
  }

  /** Begins a batch; one whose input is not in order has failed, and says where. `models`: those that may be asked; null: all. */
  create(asked: NewBatch, models: readonly string[] | null): Made<BatchView> {
    return made(() => {
      const file = this.#files.find(asked.caller.id, asked.inputFileId);
      if (file?.purpose !== "batch") {
        throw new PorchlightError("invalid_request", "There is no such file of the purpose 'batch'.", {
          param: "input_file_id",
        });
      }
      if (this.#table.of(asked.caller.id).length >= BATCH_LIMITS.batchesPerCaller) {
        throw new PorchlightError("records_full");
      }
      const { lines, errors } = readLines(decoder.decode(this.#files.content(file.id)), asked, models);
      const now = this.#now();
      const status = errors.length === 0 ? ("in_progress" as const) : ("failed" as const);
      const batch: Batch = {
        ...asked,
        id: `batch_${crypto.randomUUID().replaceAll("-", "")}`,
        outputFileId: null,
        errorFileId: null,
        status,
        ends: null,
        errors,
        createdAtMs: now,
        expiresAtMs: now + BATCH_LIMITS.windowMs,
        at: { [status]: now },
      };
      this.#options.transaction(() => {
        this.#table.put(batch, status === "in_progress");
        if (status === "in_progress") {
          for (const [index, line] of lines.entries()) this.#table.addLine(batch.id, index + 1, line);
        }
      });
      this.#tickSoon();
      return this.#view(batch);
    });
  }

  batch(callerId: string, id: string): BatchView | undefined {
    const batch = this.#table.find(id);
    return batch?.caller.id === callerId ? this.#view(batch) : undefined;
  }

  /** The oldest first. */
  batches(callerId: string): BatchView[] {
    return this.#table.of(callerId).map((batch) => this.#view(batch));
  }

  /** Ends a batch: what has been answered stays. One that has ended stays as it is. */
  cancel(callerId: string, id: string): BatchView | undefined {
    const batch = this.#table.find(id);
    if (batch?.caller.id !== callerId) return undefined;
    if (batch.status === "in_progress") this.#stop(batch, "cancelled");
    return this.batch(callerId, id);
  }

  /** A job has ended; in the step that writes it down. */
  jobEnded(job: Job): void {
    const line = this.#table.byJob(job.id);
    if (line === undefined || line.state !== "queued") return;
    this.#endLine(line, job.id);
    this.#tickSoon();
  }

  /** Puts lines into the queue, ends what is late or done, forgets what is old. */
  tick(): void {
    const now = this.#now();
    for (const batch of this.#table.active()) {
      if (batch.status === "in_progress" && batch.expiresAtMs <= now) this.#stop(batch, "expired");
      const { total, completed, failed } = this.#table.counts(batch.id);
      if (completed + failed === total) this.#finish(batch.id);
    }
    this.#feed();
    this.#files.purge(now);
    this.#table.purge(now - BATCH_LIMITS.keptMs);
    this.#options.onChange();
  }

  nextAtMs(): number | undefined {
    const active = this.#table.active();
    const again = active.length === 0 ? [] : [this.#now() + BATCH_LIMITS.lookAgainMs];
    const moments = [...active.map(({ expiresAtMs }) => expiresAtMs), ...again, this.#files.nextEndMs() ?? Infinity];
    const next = Math.min(...moments);
    return next === Infinity ? undefined : next;
  }

  /** A key was revoked, or a person left. Their jobs end by themselves. */
  callerGone(id: string): void {
    for (const { id: batchId, caller } of this.#table.ofGone(id)) {
      this.#table.remove(batchId);
      this.#files.removeOf(caller.id);
    }
    this.#files.removeOf(id);
  }

  #feed(): void {
    let room = BATCH_LIMITS.queued - this.#table.queued().length;
    for (const batch of this.#table.active()) {
      if (batch.status !== "in_progress") continue;
      for (; room > 0; room--) {
        const line = this.#table.nextWaiting(batch.id);
        if (line === undefined) break;
        if (!this.#queue(batch, line)) return;
      }
    }
  }

  /** Returns false where the queue takes none now. */
  #queue(batch: Batch, line: StoredLine): boolean {
    try {
      const request = queuedRequest(requestOf(line.request.url, line.request.body), batch.caller, "low");
      const deadlineMs = Math.max(1, batch.expiresAtMs - this.#now());
      const job = takeMade(this.#options.jobs.add({ userId: batch.userId, deadlineMs, ...request }));
      this.#table.setQueued(line, job.id);
      if (job.endedAtMs !== null) this.#endLine(line, job.id);
    } catch (thrown) {
      const error = PorchlightError.from(thrown);
      if (error.code === "queue_full") return false;
      if (error.code === "internal") console.error(`batch ${batch.id}: line ${line.line} failed:`, thrown);
      this.#table.end(line, "failed", error.toWire());
      this.#tickSoon();
    }
    return true;
  }

  #endLine(line: StoredLine, jobId: string): void {
    const found = this.#options.jobs.job(jobId, {});
    if (found?.job.state === "completed") {
      const isLarge = JSON.stringify(found.events).length > OUTCOME_CHARACTERS;
      const large = new PorchlightError("body_too_large", "The answer is larger than a batch keeps. Ask for less.");
      this.#table.end(line, isLarge ? "failed" : "completed", isLarge ? large.toWire() : found.events);
      return;
    }
    const state = found?.job.state;
    const unasked = state === "expired" ? UNASKED.expired : UNASKED.cancelled;
    this.#table.end(line, "failed", state === "failed" ? (found?.job.error ?? UNASKED.cancelled) : unasked);
  }

  #stop(batch: Batch, ends: "cancelled" | "expired"): void {
    const jobs = this.#table.queued().filter(({ batchId }) => batchId === batch.id);
    this.#options.transaction(() => {
      this.#change({ ...batch, ends }, "cancelling");
      this.#table.endRest(batch.id, UNASKED[ends]);
    });
    for (const { jobId } of jobs) if (jobId !== null) this.#options.jobs.cancel(jobId, {});
    this.#tickSoon();
  }

  /** Writes a batch's files. One that an object before this one had begun is begun anew. */
  #finish(id: string): void {
    if (this.#finishing.has(id)) return;
    this.#finishing.add(id);
    const batch = this.#table.find(id);
    if (batch === undefined || hasEnded(batch)) return;
    if (batch.status === "in_progress") this.#change({ ...batch, ends: "completed" }, "finalizing");
    resultFiles(this.#table, batch)
      .then(({ output, errors }) => this.#finished(id, output, errors))
      .catch((error: unknown) => console.error(`batch ${id}: its files could not be written:`, error))
      .finally(() => this.#finishing.delete(id));
  }

  #finished(id: string, output: string, errors: string): void {
    const batch = this.#table.find(id);
    if (batch === undefined || hasEnded(batch)) return; // Its caller has gone meanwhile.
    this.#options.transaction(() => {
      const file = (text: string, name: string): string | null => {
        if (text === "") return null;
        const head = { purpose: "batch_output" as const, filename: `${id}_${name}.jsonl` };
        return this.#keepFile(batch.caller.id, head, encoder.encode(text)).id;
      };
      const ended = { ...batch, outputFileId: file(output, "output"), errorFileId: file(errors, "error") };
      this.#change(ended, batch.ends ?? "completed");
      this.#table.forgetTexts(id);
    });
    this.#options.onChange();
  }

  #keepFile(callerId: string, head: Pick<BatchFile, "purpose" | "filename">, bytes: Uint8Array): BatchFile {
    const createdAtMs = this.#now();
    const id = `file-${crypto.randomUUID().replaceAll("-", "")}`;
    const file = { ...head, id, bytes: bytes.length, createdAtMs, keptUntilMs: createdAtMs + BATCH_LIMITS.keptMs };
    this.#files.add(callerId, file, bytes);
    return file;
  }

  #change(batch: Batch, status: BatchStatus): void {
    const changed = { ...batch, status, at: { ...batch.at, [status]: this.#now() } };
    this.#table.put(changed, !hasEnded(changed));
  }

  /** Behind this turn: what told of an end may be in the middle of a step. */
  #tickSoon(): void {
    if (this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.tick();
    }, 0);
  }

  #view({ caller: _caller, ...batch }: Batch): BatchView {
    return { ...batch, counts: this.#table.counts(batch.id) };
  }
}

/** The lines of an input, and what is wrong with them. */
function readLines(
  text: string,
  { endpoint }: Pick<NewBatch, "endpoint">,
  models: readonly string[] | null,
): { lines: BatchLine[]; errors: Batch["errors"] } {
  const lines: BatchLine[] = [];
  const errors: Batch["errors"] = [];
  const ids = new Set<string>();
  for (const [index, one] of text.split("\n").entries()) {
    if (one.trim() === "") continue;
    try {
      if (lines.length >= BATCH_LIMITS.lines) throw refused(`A batch has at most ${BATCH_LIMITS.lines} lines.`);
      if (encoder.encode(one).length > BATCH_LIMITS.lineBytes) throw new PorchlightError("body_too_large");
      const { request, ...line } = readLine(one);
      if (line.url !== endpoint) throw refused("The line asks another address than the batch.", "url");
      if (ids.has(line.customId)) throw refused("Another line has this 'custom_id'.", "custom_id");
      if (!allowsModel(models, request.model)) throw unknownModel(request.model);
      ids.add(line.customId);
      lines.push(line);
    } catch (error) {
      const { code, message, param } = PorchlightError.from(error);
      errors.push({ code, message, line: index + 1, param: param ?? null });
      if (errors.length >= BATCH_LIMITS.errors) break;
    }
  }
  if (lines.length === 0 && errors.length === 0)
    errors.push({ ...refused("The file is empty.").toWire(), line: 1, param: null });
  return { lines, errors };
}

function refused(sentence: string, param?: string): PorchlightError {
  return new PorchlightError("invalid_request", sentence, param === undefined ? {} : { param });
}
