import { IMPORT_LIMITS } from "./limits.ts";
import { ImportError } from "./problem.ts";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES = 0xffff;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_BYTES = 20;
const END64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const EXTRA_ZIP64 = 1;
const MAX32 = 0xffff_ffff;
const MAX16 = 0xffff;

/** A file of a zip. The name is as it is written there: nothing is ever written to it. */
export interface ZipEntry {
  name: string;
  isEncrypted: boolean;
  /** 0 stored, 8 deflated. */
  method: number;
  packedBytes: number;
  /** Of its local header. */
  offset: number;
}

/** What a zip holds, by the directory at its end (PKWARE's APPNOTE 6.3, with Zip64). Throws ImportError `bad_zip`. */
export async function zipDirectory(file: Blob): Promise<ZipEntry[]> {
  const { offset, bytes } = await findDirectory(file);
  if (bytes > IMPORT_LIMITS.directoryBytes) throw new ImportError("bad_zip", "its directory is too large");
  if (offset + bytes > file.size) throw new ImportError("bad_zip", "its directory is not where it should be");
  const view = await viewOf(file, offset, bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes && view.getUint32(at, true) === ENTRY_SIGNATURE; ) {
    const { entry, length } = readEntry(view, at);
    entries.push(entry);
    at += length;
  }
  return entries;
}

/** Where an entry's bytes begin: its own header says how long that is. Throws ImportError `bad_zip`. */
export async function dataOffset(file: Blob, { offset, packedBytes }: ZipEntry): Promise<number> {
  if (offset + LOCAL_BYTES > file.size) throw new ImportError("bad_zip");
  const local = await viewOf(file, offset, LOCAL_BYTES);
  if (local.getUint32(0, true) !== LOCAL_SIGNATURE) throw new ImportError("bad_zip");
  const start = offset + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + packedBytes > file.size) throw new ImportError("bad_zip", "it is cut off");
  return start;
}

async function findDirectory(file: Blob): Promise<{ offset: number; bytes: number }> {
  const tailBytes = Math.min(file.size, END_BYTES + COMMENT_BYTES);
  const tail = await viewOf(file, file.size - tailBytes, tailBytes);
  let at = tailBytes - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END_SIGNATURE) at--;
  if (at < 0) throw new ImportError("bad_zip", "it has no directory: it is cut off, or not whole");
  const found = { bytes: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
  const needs64 = found.offset === MAX32 || found.bytes === MAX32 || tail.getUint16(at + 10, true) === MAX16;
  return needs64 ? ((await findDirectory64(file, file.size - tailBytes + at)) ?? found) : found;
}

async function findDirectory64(file: Blob, end: number): Promise<{ offset: number; bytes: number } | undefined> {
  if (end < LOCATOR64_BYTES) return undefined;
  const locator = await viewOf(file, end - LOCATOR64_BYTES, LOCATOR64_BYTES);
  if (locator.getUint32(0, true) !== LOCATOR64_SIGNATURE) return undefined;
  const at = long(locator, 8);
  if (at + END64_BYTES > file.size) throw new ImportError("bad_zip");
  const end64 = await viewOf(file, at, END64_BYTES);
  if (end64.getUint32(0, true) !== END64_SIGNATURE) throw new ImportError("bad_zip");
  return { bytes: long(end64, 40), offset: long(end64, 48) };
}

function readEntry(view: DataView, at: number): { entry: ZipEntry; length: number } {
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const length = ENTRY_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
  if (at + length > view.byteLength) throw new ImportError("bad_zip", "its directory is cut off");
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + ENTRY_BYTES, nameBytes));
  const sizes = sizes64(view, at, nameBytes, extraBytes);
  const flags = view.getUint16(at + 8, true);
  return { entry: { name, isEncrypted: (flags & 1) === 1, method: view.getUint16(at + 10, true), ...sizes }, length };
}

/** Of what does not fit into 32 bits, the Zip64 field has the rest: unpacked, packed, offset, each only where it is needed. */
function sizes64(view: DataView, at: number, nameBytes: number, extraBytes: number) {
  let packedBytes = view.getUint32(at + 20, true);
  let offset = view.getUint32(at + 42, true);
  const end = at + ENTRY_BYTES + nameBytes + extraBytes;
  for (let field = at + ENTRY_BYTES + nameBytes; field + 4 <= end; ) {
    const fieldEnd = field + 4 + view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === EXTRA_ZIP64 && fieldEnd <= end) {
      let next = field + 4 + (view.getUint32(at + 24, true) === MAX32 ? 8 : 0);
      if (packedBytes === MAX32 && next + 8 <= fieldEnd) {
        packedBytes = long(view, next);
        next += 8;
      }
      if (offset === MAX32 && next + 8 <= fieldEnd) offset = long(view, next);
    }
    field = fieldEnd;
  }
  return { packedBytes, offset };
}

/** 64 bits, of which a file's size needs 53. */
function long(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ImportError("bad_zip");
  return Number(value);
}

async function viewOf(file: Blob, from: number, bytes: number): Promise<DataView> {
  return new DataView(await file.slice(from, from + bytes).arrayBuffer());
}
