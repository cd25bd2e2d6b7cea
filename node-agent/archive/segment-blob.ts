import { createHash } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { PorchlightError } from "../../shared/errors.ts";
import { decodeTurns, encodeTurns } from "../../shared/sessions/backup.ts";
import type { Turn } from "../../shared/sessions/turn.ts";

/** A blob may unpack to no more: a turn has 4 MiB at most, and a damaged one must not fill the memory. */
const MAX_PLAIN_BYTES = 16 * 1024 * 1024;

/** Turns as they are kept. */
export interface SegmentBlob {
  /** Of the plain bytes, in hex. */
  sha256: string;
  /** zstd. */
  blob: Uint8Array<ArrayBuffer>;
}

export function packTurns(turns: readonly Turn[]): SegmentBlob {
  const plain = encodeTurns(turns);
  return { sha256: hashOf(plain), blob: compress(plain) };
}

/** The plain bytes. Throws `archive_damaged` where they are not those that were packed. */
export function unpack({ sha256, blob }: SegmentBlob, segmentId: string): Uint8Array<ArrayBuffer> {
  let plain: Uint8Array<ArrayBuffer>;
  try {
    plain = decompress(blob);
  } catch (cause) {
    throw damaged(segmentId, cause);
  }
  if (hashOf(plain) !== sha256) throw damaged(segmentId);
  return plain;
}

export function unpackTurns(packed: SegmentBlob, segmentId: string): Turn[] {
  const plain = unpack(packed, segmentId);
  try {
    return decodeTurns(plain);
  } catch (cause) {
    throw damaged(segmentId, cause);
  }
}

export function compress(plain: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(zstdCompressSync(plain));
}

/** Throws for what is no zstd, or unpacks to too much. */
export function decompress(blob: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(zstdDecompressSync(blob, { maxOutputLength: MAX_PLAIN_BYTES }));
}

export function damaged(segmentId: string, cause?: unknown): PorchlightError {
  const message = `The part ${segmentId} of a conversation is damaged on the home machine's disk. 'porchlight restore' there takes it from the backup.`;
  return new PorchlightError("archive_damaged", message, { cause });
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
