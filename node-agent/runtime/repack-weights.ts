import { type FileHandle, open, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { PbfWriter } from "pbf";
import { editFields, readStrings } from "./proto-edit.ts";

/** Field numbers of onnx.proto on the way to a tensor's external data. */
const FIELD = { graph: 7, initializer: 5, externalData: 13, key: 1, value: 2 } as const;

/** The widest alignment that a packing kernel asks for is a cache line; a page lets every tensor be mapped by itself. */
const ALIGNMENT = 4096;

interface Copy {
  from: number;
  to: number;
  length: number;
}

/** Takes bytes of the saved weights into the new ones and says at which offset. */
type Place = (offset: number, length: number) => number;

/**
 * Rewrites a model that ONNX Runtime saved with prepacked weights, into new files.
 *
 * ONNX Runtime 1.30 writes prepacked buffers at whatever offset comes next, but some kernels (4-bit products on x86) lay out the inside
 * of a buffer by its absolute address: mapped at another alignment, they compute garbage. Here every buffer begins on a page. The
 * originals must stay: ONNX Runtime packs them again when it loads, and takes the mapped buffer only if the two have one hash.
 */
export async function repackWeights(from: { model: string; weights: string }, to: { model: string; weights: string }) {
  const copies: Copy[] = [];
  let end = 0;
  const place: Place = (offset, length) => {
    const start = end;
    copies.push({ from: offset, to: start, length });
    end = Math.ceil((start + length) / ALIGNMENT) * ALIGNMENT;
    return start;
  };
  const model = editFields(await readFile(from.model), FIELD.graph, (graph) =>
    editFields(graph, FIELD.initializer, (tensor) => relocate(tensor, basename(to.weights), place)),
  );
  await copyRanges(from.weights, to.weights, copies);
  await writeFile(to.model, model);
}

/** A tensor with its external data moved to where `place` puts it in `file`. */
function relocate(tensor: Uint8Array, file: string, place: Place): Uint8Array {
  const entries = new Map<string, string>();
  editFields(tensor, FIELD.externalData, (entry) => {
    entries.set(readStrings(entry, FIELD.key)[0] ?? "", readStrings(entry, FIELD.value)[0] ?? "");
    return entry;
  });
  if (!entries.has("location")) return tensor;
  entries.set("location", file);
  entries.set("offset", String(place(Number(entries.get("offset")), Number(entries.get("length")))));
  for (const [key, value] of entries) {
    if (key.startsWith("prepacked_")) entries.set(key, relocatePacked(value, place));
  }
  return editFields(tensor, FIELD.externalData, (entry) => {
    const key = readStrings(entry, FIELD.key)[0] ?? "";
    const writer = new PbfWriter();
    writer.writeStringField(FIELD.key, key);
    writer.writeStringField(FIELD.value, entries.get(key) ?? "");
    return writer.finish();
  });
}

/** An entry `KERNEL|OFFSET;LENGTH;CHECKSUM|...`, with one such triple for each buffer that the kernel packs a weight into. */
function relocatePacked(value: string, place: Place): string {
  const [kernel, ...buffers] = value.split("|");
  const moved = buffers.map((buffer) => {
    const [offset, length, ...rest] = buffer.split(";");
    return [place(Number(offset), Number(length)), length, ...rest].join(";");
  });
  return [kernel, ...moved].join("|");
}

const PIECE_BYTES = 8 * 1024 * 1024;

async function copyRanges(fromPath: string, toPath: string, copies: readonly Copy[]): Promise<void> {
  await using from = await open(fromPath);
  await using to = await open(toPath, "wx");
  const buffer = new Uint8Array(PIECE_BYTES);
  for (const copy of copies) {
    for (let done = 0; done < copy.length; done += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, copy.length - done);
      await readFully(from, buffer, length, copy.from + done);
      await to.write(buffer, 0, length, copy.to + done);
    }
  }
  await to.sync();
}

async function readFully(file: FileHandle, buffer: Uint8Array, length: number, position: number): Promise<void> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new Error("The compiled weights are shorter than their model says.");
    done += bytesRead;
  }
}
