import { type Finding, finding } from "../findings.ts";

const NATIVE: readonly (readonly number[])[] = [
  [0x7f, 0x45, 0x4c, 0x46],
  [0x4d, 0x5a, 0x90, 0x00],
  [0xcf, 0xfa, 0xed, 0xfe],
  [0xce, 0xfa, 0xed, 0xfe],
  [0xca, 0xfe, 0xba, 0xbe],
];
const ARCHIVES: readonly (readonly number[])[] = [
  [0x50, 0x4b, 0x03, 0x04],
  [0x37, 0x7a, 0xbc, 0xaf],
  [0x52, 0x61, 0x72, 0x21],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58],
];
const WASM = [0x00, 0x61, 0x73, 0x6d];
const GZIP = [0x1f, 0x8b];

/** Of one compressed file: what a call's memory has room for. */
export const MOST_UNPACKED_BYTES = 64 * 1024 * 1024;

/** What a file is by its first bytes, whatever it is called; compressed data is unpacked as far as it may grow. */
export async function checkBinary(path: string, bytes: Uint8Array): Promise<Finding[]> {
  if (NATIVE.some((magic) => begins(bytes, magic))) return [finding("native_code", path)];
  if (begins(bytes, WASM)) return [finding("webassembly", path)];
  if (ARCHIVES.some((magic) => begins(bytes, magic))) return [finding("nested_archive", path)];
  if (!begins(bytes, GZIP)) return [];
  const unpacked = await unpackedBytes(bytes);
  if (unpacked === undefined) return [finding("data_damaged", path)];
  return unpacked > MOST_UNPACKED_BYTES
    ? [finding("decompression_bomb", path, 0, `more than ${MOST_UNPACKED_BYTES} bytes from ${bytes.length}`)]
    : [];
}

function begins(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/** How much gzip data grows to, counted no further than the limit and kept nowhere; undefined: it is damaged. */
async function unpackedBytes(bytes: Uint8Array): Promise<number | undefined> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream("gzip"));
  let total = 0;
  try {
    for await (const chunk of stream) {
      total += chunk.byteLength;
      if (total > MOST_UNPACKED_BYTES) break; // Leaving the loop cancels the stream.
    }
    return total;
  } catch {
    return undefined; // no gzip, cut off, or a wrong sum at its end
  }
}
