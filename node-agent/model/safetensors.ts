import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { type FloatFormat, toFloat32 } from "./float-formats.ts";
import { modelError } from "./model-error.ts";
import { LENGTH_PREFIX_BYTES, parseHeader, parseHeaderLength, type StoredTensor } from "./safetensors-header.ts";
import { findIntMatrices, listTensors, mainQuantization } from "./quantization/compressed-tensors.ts";
import { dequantize } from "./quantize.ts";
import type { IntTensors, TensorSource } from "./tensor-source.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";
const MAX_INDEX_BYTES = 32 * 1024 * 1024;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** A shard is a file of the model's own folder: nothing that could be a path. */
const SHARD_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

interface Shard {
  path: string;
  tensors: Map<string, StoredTensor>;
}

/** The safetensors files of a model folder (one, or several named by an index) and the tensors in them. Throws `model_load_failed`. */
export async function readSafetensorsHeaders(folder: string): Promise<Shard[]> {
  const names = await shardNames(folder);
  return await Promise.all(names.map((name) => readSafetensorsFile(join(folder, name))));
}

/** Opens a folder's weights for reading. The caller closes them. Throws `model_load_failed`. */
export async function openSafetensors(folder: string): Promise<TensorSource> {
  const shards = await readSafetensorsHeaders(folder);
  const tensors = new Map<string, StoredTensor & { shard: number }>();
  for (const [index, shard] of shards.entries()) {
    for (const [name, tensor] of shard.tensors) {
      if (tensors.has(name)) throw modelError(`${folder}: tensor ${name} is in two of the model's files.`);
      tensors.set(name, { ...tensor, shard: index });
    }
  }
  const handles = await openAll(shards.map((shard) => shard.path));
  const close = async () => void (await Promise.all(handles.map((handle) => handle.close())));
  const readBytes = async ({ shard, offset, bytes, elements }: Located, start: number, count: number) => {
    const handle = handles[shard];
    if (handle === undefined) throw new Error(`Shard ${shard} is not open.`);
    const width = bytes / elements;
    return await readExactly(handle, offset + start * width, count * width, folder);
  };
  try {
    return { ...(await tensorSource(folder, tensors, readBytes)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Located = StoredTensor & { shard: number };
/** Bytes of elements [start, start + count). */
type ReadBytes = (tensor: Located, start: number, count: number) => Promise<Uint8Array>;

async function tensorSource(folder: string, stored: ReadonlyMap<string, Located>, readBytes: ReadBytes) {
  const find = (name: string) => {
    const tensor = stored.get(name);
    if (tensor === undefined) throw modelError(`${folder} has no tensor ${name}.`);
    return tensor;
  };
  const matrices = await findIntMatrices(stored, async (name) => toIntegers(find(name), readBytes));
  const tensors = listTensors(stored, matrices);
  const readFloats = async (name: string, start: number, count: number) => {
    const tensor = find(name);
    if (start < 0 || start + count > tensor.elements)
      throw new RangeError(`${name} has no elements [${start}, +${count}).`);
    const format = floatFormat(tensor.dtype);
    if (format === undefined) {
      throw modelError(`${folder}: tensor ${name} is ${tensor.dtype}; weights must be F32, F16 or BF16.`);
    }
    return toFloat32(await readBytes(tensor, start, count), format);
  };
  const ints: IntTensors = {
    formatOf: (name) => matrices.get(name)?.format,
    async read(name, row, rows) {
      const matrix = matrices.get(name);
      if (matrix === undefined) throw new RangeError(`${name} is not held in integers.`);
      const levels = find(matrix.levels);
      const groups = find(matrix.scales).elements / (matrix.shape[0] ?? 1);
      const [width, total] = [levels.shape[1] ?? 0, matrix.shape[0] ?? 0];
      if (row < 0 || row + rows > total) throw new RangeError(`${name} has no rows [${row}, +${rows}).`);
      const bytes = await readBytes(levels, row * width, rows * width);
      return {
        // Signed bytes become unsigned ones around 128 by turning the highest bit over.
        levels: matrix.signed ? bytes.map((byte) => byte ^ 0x80) : bytes,
        scales: await readFloats(matrix.scales, row * groups, rows * groups),
      };
    },
  };
  const quantization = mainQuantization(tensors, matrices);
  return {
    tensors,
    read: async (name: string, start: number, count: number) =>
      matrices.has(name)
        ? await readDequantized(ints, name, tensors.get(name)?.shape[1] ?? 1, start, count)
        : await readFloats(name, start, count),
    ...(quantization === undefined ? {} : { ints, quantization }),
  };
}

/** Elements of a matrix that is held in integers: its rows are read whole. */
async function readDequantized(ints: IntTensors, name: string, columns: number, start: number, count: number) {
  const format = ints.formatOf(name);
  if (format === undefined) throw new RangeError(`${name} is not held in integers.`);
  const row = Math.floor(start / columns);
  const end = Math.ceil((start + count) / columns);
  const values = dequantize(await ints.read(name, row, end - row), format);
  return values.slice(start - row * columns, start - row * columns + count);
}

/** The elements of a small tensor of integers. */
async function toIntegers(tensor: Located, readBytes: ReadBytes): Promise<number[]> {
  const bytes = await readBytes(tensor, 0, tensor.elements);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: tensor.elements }, (_, i) => {
    if (tensor.dtype === "I64") return Number(view.getBigInt64(8 * i, true));
    if (tensor.dtype === "I32") return view.getInt32(4 * i, true);
    throw modelError(`A shape is stored as ${tensor.dtype}; it must be I64 or I32.`);
  });
}

function floatFormat(dtype: string): FloatFormat | undefined {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16" ? dtype : undefined;
}

async function shardNames(folder: string): Promise<string[]> {
  if (await isFile(join(folder, SINGLE_FILE))) return [SINGLE_FILE];
  const path = join(folder, INDEX_FILE);
  if (!(await isFile(path))) throw modelError(`${folder} holds no ${SINGLE_FILE} and no ${INDEX_FILE}.`);
  if ((await stat(path)).size > MAX_INDEX_BYTES) throw modelError(`${path} is larger than any index should be.`);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw modelError(`${path} is not valid JSON.`, error);
  }
  const index = indexSchema.safeParse(json);
  if (!index.success) throw modelError(`${path} has no usable weight_map.`, index.error);
  const names = [...new Set(Object.values(index.data.weight_map))];
  const bad = names.find((name) => !SHARD_NAME.test(name));
  if (bad !== undefined)
    throw modelError(`${path} names ${JSON.stringify(bad.slice(0, 80))}, which is not a plain file name.`);
  if (names.length === 0) throw modelError(`${path} names no files.`);
  return names;
}

/** The tensors of one safetensors file. Throws `model_load_failed`. */
export async function readSafetensorsFile(path: string): Promise<Shard> {
  const file = basename(path);
  if (!(await isFile(path))) throw modelError(`${file} is missing. Download the model again.`);
  await using handle = await open(path);
  const { size } = await handle.stat();
  const prefix = await readExactly(handle, 0, Math.min(LENGTH_PREFIX_BYTES, size), file);
  const headerBytes = parseHeaderLength(prefix, size, file);
  const header = await readExactly(handle, LENGTH_PREFIX_BYTES, headerBytes, file);
  return { path, tensors: parseHeader(header, size, file) };
}

async function openAll(paths: readonly string[]): Promise<FileHandle[]> {
  const handles: FileHandle[] = [];
  try {
    for (const path of paths) handles.push(await open(path));
    return handles;
  } catch (error) {
    await Promise.all(handles.map((handle) => handle.close()));
    throw modelError("A file of the model could not be opened.", error);
  }
}

async function readExactly(handle: FileHandle, position: number, length: number, file: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw modelError(`${file} ended while it was being read. Download it again.`);
    done += bytesRead;
  }
  return bytes;
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
