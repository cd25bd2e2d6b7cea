import { constants, type FileHandle, open } from "node:fs/promises";
import { PorchlightError } from "../../../shared/errors.ts";
import { type Answer, hostOf, type HttpClient } from "./http.ts";
import { Location } from "./location.ts";
import { PartJournal } from "./part-journal.ts";
import { identityOf, type RemoteFile } from "./remote-file.ts";
import { Retries, type RetryTiming } from "./retry.ts";

export interface DownloadOptions {
  http: HttpClient;
  retry: RetryTiming;
  /** Size of the ranges a file is fetched in. */
  partBytes: number;
  /** Ranges fetched at the same time. */
  connections: number;
  signal: AbortSignal;
  /** Bytes that arrived since the last call; negative where a server without ranges has to start over. */
  onReceived(bytes: number): void;
}

/** A part's progress is recorded this often: what a kill costs is this fraction of each part under way. */
const MARKS_PER_PART = 16;

/**
 * Downloads `file` into the file at `path` in parallel parts, going on where an earlier run stopped. Its length is right at the end; its
 * content is the caller's to check. Throws what the source's failures are, after the retries they deserve, and `disk_full`.
 */
export async function downloadFile(file: RemoteFile, path: string, options: DownloadOptions): Promise<void> {
  const { partBytes } = options;
  await using handle = await openSized(path, file.bytes);
  const journal = await PartJournal.open(`${path}.journal`, {
    identity: identityOf(file),
    bytes: file.bytes,
    partBytes,
  });
  try {
    if (!handle.wasThere) await journal.reset();
    options.onReceived(journal.totalReceived);
    await new Download(file, handle.file, journal, options).run();
    await handle.file.sync();
  } finally {
    await journal.close();
  }
}

/** The server answers with the whole file whatever range is asked for. */
class RangesIgnored extends Error {}

class Download {
  readonly #file: RemoteFile;
  readonly #handle: FileHandle;
  readonly #journal: PartJournal;
  readonly #options: DownloadOptions;
  readonly #location: Location;

  constructor(file: RemoteFile, handle: FileHandle, journal: PartJournal, options: DownloadOptions) {
    this.#file = file;
    this.#handle = handle;
    this.#journal = journal;
    this.#options = options;
    this.#location = new Location(options.http, file.url);
  }

  async run(): Promise<void> {
    try {
      await this.#fetchParts();
    } catch (error) {
      if (!(error instanceof RangesIgnored)) throw error;
      await this.#fetchWhole();
    }
  }

  /** Workers take the next missing part until none is left; one that fails for good ends the others. */
  async #fetchParts(): Promise<void> {
    const queue = this.#journal.missing();
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    const worker = async () => {
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) await this.#fetchPart(part, signal);
    };
    const workers = Array.from({ length: Math.min(this.#options.connections, queue.length) }, async () => {
      await worker().catch((error: unknown) => {
        failed.abort(error);
        throw error;
      });
    });
    const outcomes = await Promise.allSettled(workers);
    // The first failure is the reason; the others were only told to stop.
    if (failed.signal.aborted) throw failed.signal.reason;
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #fetchPart(part: number, signal: AbortSignal): Promise<void> {
    const { start, bytes } = this.#partAt(part);
    const retries = new Retries(this.#options.retry, signal);
    while (this.#journal.received(part) < bytes) {
      const before = this.#journal.received(part);
      const range = { start: start + before, end: start + bytes };
      try {
        const answer = await this.#location.get(this.#isWhole(range) ? { signal } : { range, signal });
        if (!this.#isWhole(range)) await this.#checkRange(answer, range);
        await this.#store(answer, part, range.end);
      } catch (error) {
        if (this.#journal.received(part) > before) retries.progressed();
        if (error instanceof RangesIgnored) throw error;
        await retries.failed(error);
      }
    }
  }

  /** One stream from the first byte to the last, for servers without ranges: each try starts over. */
  async #fetchWhole(): Promise<void> {
    const { signal } = this.#options;
    const retries = new Retries(this.#options.retry, signal);
    for (;;) {
      this.#options.onReceived(-this.#journal.totalReceived);
      await this.#journal.reset();
      try {
        return await this.#store(await this.#location.get({ signal }), 0, this.#file.bytes);
      } catch (error) {
        await retries.failed(error);
      }
    }
  }

  /** Writes a body from where part `first` stands to `end`, over as many parts as that is. */
  async #store(answer: Answer, first: number, end: number): Promise<void> {
    const step = Math.max(1, Math.floor(this.#options.partBytes / MARKS_PER_PART));
    let part = first;
    let position = this.#partAt(first).start + this.#journal.received(first);
    let marked = position;
    const mark = async () => {
      // Where no hash will tell, the disk must have the bytes before the journal vouches for them.
      if (this.#file.sha256 === undefined && this.#file.gitId === undefined) await this.#handle.datasync();
      while (marked < position) {
        const { start, bytes } = this.#partAt(part);
        const upTo = Math.min(position, start + bytes);
        await this.#journal.mark(part, upTo - start);
        marked = upTo;
        if (upTo === start + bytes) part += 1;
      }
    };
    try {
      for await (const piece of answer.body) {
        if (position + piece.length > end) throw this.#lie(answer, "sends more bytes than it announced");
        await writeAll(this.#handle, piece, position);
        position += piece.length;
        this.#options.onReceived(piece.length);
        if (position - marked >= step) await mark();
      }
    } finally {
      await mark();
    }
    if (position < end) {
      throw new PorchlightError(
        "model_download_failed",
        `${hostOf(answer.url)} ended ${this.#file.name} too early. Pull again: what has arrived is kept.`,
      );
    }
  }

  async #checkRange({ response, url }: Answer, { start, end }: { start: number; end: number }): Promise<void> {
    if (response.status === 206) {
      if (response.headers.get("content-range") === `bytes ${start}-${end - 1}/${this.#file.bytes}`) return;
      await response.body?.cancel();
      throw this.#lie({ url }, `answered for other bytes than ${start} to ${end} of ${this.#file.bytes}`);
    }
    await response.body?.cancel();
    throw new RangesIgnored();
  }

  #lie({ url }: { url: string }, what: string): PorchlightError {
    return new PorchlightError(
      "model_source_invalid",
      `${hostOf(url)} ${what} (${this.#file.name}). Try another source.`,
    );
  }

  #isWhole({ start, end }: { start: number; end: number }): boolean {
    return start === 0 && end === this.#file.bytes;
  }

  #partAt(part: number): { start: number; bytes: number } {
    const found = this.#journal.parts[part];
    if (found === undefined) throw new RangeError(`${this.#file.name} has no part ${part}.`);
    return found;
  }
}

async function openSized(
  path: string,
  bytes: number,
): Promise<{ file: FileHandle; wasThere: boolean } & AsyncDisposable> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  const wasThere = (await file.stat()).size === bytes;
  if (!wasThere) await file.truncate(bytes);
  return { file, wasThere, [Symbol.asyncDispose]: () => file.close() };
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  let done = 0;
  try {
    while (done < piece.length) {
      done += (await handle.write(piece, done, piece.length - done, position + done)).bytesWritten;
    }
  } catch (cause) {
    const isFull = cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
    if (isFull) throw new PorchlightError("disk_full", undefined, { cause });
    throw cause;
  }
}
