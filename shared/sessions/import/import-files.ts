import { pullStream } from "../../pull-stream.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import { ImportError, type ImportProblem } from "./problem.ts";
import { dataOffset, type ZipEntry, zipDirectory } from "./zip-directory.ts";

const ZIP_SIGNATURES = [0x04034b50, 0x06054b50, 0x08074b50];
const STORED = 0;
const DEFLATED = 8;
/** What is unpacked at a time: a bomb makes a thousand times as much of it before it is noticed. */
const SLICE_BYTES = 16 * 1024;

/** A JSON file to read. */
export interface ImportFile {
  /** Empty where the file is no zip. */
  name: string;
  /** Its bytes; throws ImportError where they cannot be unpacked. */
  read(): AsyncGenerator<Uint8Array>;
}

/** What is to be read of a file that somebody chose: itself, or what its zip holds of conversations, in the order of their names. */
export async function importFiles(file: Blob): Promise<{ files: ImportFile[]; problems: ImportProblem[] }> {
  if (file.size === 0) throw new ImportError("empty");
  if (!(await isZip(file))) return { files: [{ name: "", read: () => plainBytes(file) }], problems: [] };
  const entries = (await zipDirectory(file)).filter(({ name }) => isConversations(name));
  const unsafe = entries.filter(({ name }) => isUnsafe(name));
  const wanted = entries.filter(({ name }) => !isUnsafe(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (wanted.length === 0 && unsafe.length === 0) throw new ImportError("no_conversations");
  // One for all: several entries may claim the same bytes.
  const most = Math.max(IMPORT_LIMITS.ratioFromBytes, file.size * IMPORT_LIMITS.ratio);
  const budget = { leftBytes: Math.min(most, IMPORT_LIMITS.unpackedBytes) };
  return {
    files: wanted.map((entry) => ({ name: entry.name, read: () => unpack(file, entry, budget) })),
    problems: unsafe.map(({ name }) => ({ code: "unsafe_name", file: name.slice(0, 200) })),
  };
}

async function isZip(file: Blob): Promise<boolean> {
  if (file.size < 4) return false;
  const start = new DataView(await file.slice(0, 4).arrayBuffer());
  return ZIP_SIGNATURES.includes(start.getUint32(0, true));
}

/** OpenAI writes conversations.json, or several with numbers; Claude the same; Porchlight sessions.ndjson. */
function isConversations(name: string): boolean {
  const file = name.split(/[/\\]/).at(-1) ?? "";
  return /^(?:conversations(?:[-_ ]?\(?\d{1,6}\)?)?\.json|sessions\.ndjson)$/i.test(file);
}

/** Nothing is written by these names. One like this was made by somebody who hoped so. */
function isUnsafe(name: string): boolean {
  return /^(?:[/\\]|[a-z]:)/i.test(name) || name.split(/[/\\]/).includes("..") || name.includes("\0");
}

async function* plainBytes(file: Blob): AsyncGenerator<Uint8Array> {
  yield* chunksOf(file.stream());
}

async function* unpack(file: Blob, entry: ZipEntry, budget: { leftBytes: number }): AsyncGenerator<Uint8Array> {
  if (entry.isEncrypted) throw new ImportError("bad_zip", "it is encrypted");
  const start = await dataOffset(file, entry);
  const packed = file.slice(start, start + entry.packedBytes);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw new ImportError("bad_zip", `its compression (${entry.method}) is not deflate`);
  }
  for await (const chunk of entry.method === STORED ? plainBytes(packed) : inflated(packed)) {
    budget.leftBytes -= chunk.length;
    if (budget.leftBytes < 0) throw new ImportError("bomb");
    yield chunk;
  }
}

async function* inflated(packed: Blob): AsyncGenerator<Uint8Array> {
  const stream = pullStream(slicesOf(packed)).pipeThrough(new DecompressionStream("deflate-raw"));
  try {
    yield* chunksOf(stream);
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    throw new ImportError("bad_zip", "it cannot be unpacked");
  }
}

async function* slicesOf(file: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunksOf(file.stream())) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) yield chunk.slice(at, at + SLICE_BYTES);
  }
}

/** Not every browser can iterate a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
