import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { modelError } from "../model-error.ts";
import { NeedMoreBytes } from "./cursor.ts";
import { type GgufHeader, parseGgufHeader } from "./header.ts";
import { rememberHeader } from "./header-memo.ts";

/** An open GGUF file. The one who opened it closes it. */
export interface GgufFile extends GgufHeader, AsyncDisposable {
  /** Name of the file, for messages. */
  readonly name: string;
  /** `length` bytes from `position` on. Throws `model_load_failed` if the file has become shorter. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What is read of the header at first: enough for a file without a vocabulary. */
const FIRST_BYTES = 64 * 1024;
/** The largest vocabularies take about 15 MB. A header that goes on beyond this is an attack. */
const MAX_HEADER_BYTES = 128 * 1024 * 1024;

/** Opens a GGUF file and reads its header, no more. Throws PorchlightError `model_load_failed`. */
export async function openGguf(path: string): Promise<GgufFile> {
  const name = basename(path);
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    throw modelError(`${path} could not be opened.`, error);
  }
  const read = (position: number, length: number) => readExactly(handle, position, length, name);
  const close = () => handle.close();
  try {
    const entry = await handle.stat({ bigint: true });
    if (!entry.isFile()) throw modelError(`${name} is not a file.`);
    const header = await rememberHeader(entry, () => readHeader(read, Number(entry.size), name));
    return { ...header, name, read, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Parses what has been read; as long as that is too little, reads several times as much and parses again. */
async function readHeader(read: GgufFile["read"], fileBytes: number, name: string): Promise<GgufHeader> {
  let wanted = FIRST_BYTES;
  for (;;) {
    const bytes = await read(0, Math.min(wanted, fileBytes));
    try {
      return parseGgufHeader(bytes, fileBytes, name);
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error;
      if (error.bytes > MAX_HEADER_BYTES) {
        throw modelError(`${name}: its header is larger than ${MAX_HEADER_BYTES} bytes; no model's is.`, error);
      }
      wanted = Math.min(MAX_HEADER_BYTES, Math.max(error.bytes, wanted * 8));
    }
  }
}

async function readExactly(handle: FileHandle, position: number, length: number, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw modelError(`${name} ended while it was being read. Download it again.`);
    done += bytesRead;
  }
  return bytes;
}
