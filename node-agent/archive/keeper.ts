import { join } from "node:path";
import type { ArchiveRequest, SentArchiveAnswer } from "../../shared/archive/messages.ts";
import { toBase64 } from "../../shared/base64.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { backupNames, latestHeads } from "../../shared/sessions/backup.ts";
import { Archive } from "./archive.ts";
import { readBackupKey } from "./backup-key.ts";
import { Sealer } from "./seal.ts";

/** Where in an archive's folder the two files are. */
export function archiveFiles(folder: string): { database: string; key: string } {
  return { database: join(folder, "archive.db"), key: join(folder, "backup-key.json") };
}

/** What a machine keeps for its edge: cold conversations, and the key that seals backups. It opens no backup for the edge. */
export class ArchiveKeeper {
  readonly archive: Archive;
  readonly #keyFile: string;
  #sealer: Sealer | undefined;

  private constructor(archive: Archive, keyFile: string) {
    this.archive = archive;
    this.#keyFile = keyFile;
  }

  /** Throws what libSQL says of a file that is no database. */
  static async open(folder: string): Promise<ArchiveKeeper> {
    const { database, key } = archiveFiles(folder);
    const keeper = new ArchiveKeeper(await Archive.open(database), key);
    await keeper.lookForKey();
    return keeper;
  }

  /** Whether it can seal. */
  get hasBackupKey(): boolean {
    return this.#sealer !== undefined;
  }

  /** Takes up a key that was put there. Returns whether it is new. */
  async lookForKey(): Promise<boolean> {
    if (this.#sealer !== undefined) return false;
    const key = await readBackupKey(this.#keyFile);
    if (key !== undefined) this.#sealer = new Sealer(key);
    return key !== undefined;
  }

  async answer(request: ArchiveRequest): Promise<SentArchiveAnswer> {
    switch (request.op) {
      case "put":
        return await this.archive.put(request.segment);
      case "get":
        return { turns: await this.archive.get(request.sessionId, request.segmentId) };
      case "drop":
        await this.archive.drop(request.sessionIds, request.segmentIds);
        return {};
      case "search":
        return { hits: await this.archive.search(request.userId, request.query, request.limit) };
      case "seal":
        return { objects: await Promise.all(request.objects.map(async (object) => await this.#seal(object))) };
      case "sealStored":
      default:
        return await this.#sealStored(request);
    }
  }

  close(): void {
    this.archive.close();
  }

  async #seal({ name, plain }: { name: string; plain: Uint8Array }): Promise<{ name: string; sealed: string }> {
    const sealed = toBase64(this.#require().seal(name, plain));
    for (const [sessionId, { revision }] of latestHeads([name])) await this.archive.noteSealed(sessionId, revision);
    return { name, sealed };
  }

  async #sealStored({
    sessionId,
    segmentId,
    name,
  }: {
    sessionId: string;
    segmentId: string;
    name: string;
  }): Promise<{ sealed: string }> {
    // Under another name it would open as something that it is not.
    if (name !== backupNames.segment(sessionId, segmentId)) {
      throw new PorchlightError("invalid_request", "A part of a conversation is sealed under its own name only.");
    }
    return { sealed: toBase64(this.#require().seal(name, await this.archive.bytesOf(sessionId, segmentId))) };
  }

  #require(): Sealer {
    if (this.#sealer === undefined) throw new PorchlightError("backup_key_missing");
    return this.#sealer;
  }
}
