import { FLOAT_BYTES, type FloatFormat, fromFloat32, HALF_RANGE, halfBits, halfFloats } from "../float-formats.ts";
import { dequantize } from "../quantize.ts";
import { holds, round, runs } from "../rows.ts";
import type { IntFormat, IntRows, TensorSource } from "../tensor-source.ts";
import type { SafetensorsWriter } from "./safetensors-writer.ts";
import type { ErrorSums } from "./weight-error.ts";

/** A tensor of the new model and where it comes from. */
export interface TensorPlan {
  name: string;
  from: string;
  shape: readonly number[];
  /** Undefined: real numbers, as the file holds them. */
  format: IntFormat | undefined;
}

/** Names of the tensors in the file that hold a planned one. */
export function storedNames({ name, shape, format }: TensorPlan): string[] {
  const module = moduleOf(name);
  if (format === undefined) return [name];
  if (isChannel(format, shape)) return [name, `${module}.weight_scale`];
  return [`${module}.weight_packed`, `${module}.weight_scale`, `${module}.weight_shape`];
}

/** Copies a tensor of real numbers, in the precision that it has. */
export async function writeFloats(writer: SafetensorsWriter, source: TensorSource, plan: TensorPlan): Promise<void> {
  const dtype = source.tensors.get(plan.from)?.dtype ?? "";
  const format: FloatFormat = isFloatFormat(dtype) ? dtype : "F32";
  const elements = plan.shape.reduce((product, dim) => product * dim, 1);
  await writer.add(plan.name, format, plan.shape, async (append) => {
    for (let start = 0; start < elements; start += PIECE_ELEMENTS) {
      const values = await source.read(plan.from, start, Math.min(PIECE_ELEMENTS, elements - start));
      await append(fromFloat32(values, format));
    }
  });
}

const PIECE_ELEMENTS = 4 * 1024 * 1024;

/** Writes a matrix rounded to nearest, or as the file holds it where that is the same format. A piece is in memory at a time. */
export async function writeRounded(
  writer: SafetensorsWriter,
  source: TensorSource,
  plan: TensorPlan & { format: IntFormat },
): Promise<ErrorSums> {
  const { from, shape, format } = plan;
  const [rows = 0, columns = 0] = shape;
  const sums: ErrorSums = { weights: rows * columns, error: 0, size: 0 };
  const stored = source.ints?.formatOf(from);
  const part = { from: moduleOf(from), rows };
  await writeInts(writer, plan, async function* () {
    for (const { first, count } of runs([part], columns)) {
      const values = await source.read(from, first * columns, count * columns);
      const carried =
        stored !== undefined && stored.block === format.block && holds(stored, format)
          ? await source.ints?.read(from, first, count)
          : undefined;
      const piece = carried ?? withStoredScales(round(values, columns, format), format, columns);
      addError(sums, values, dequantize(piece, format));
      yield piece;
    }
  });
  return sums;
}

/** Writes rows of levels that come in order. */
export async function writeInts(
  writer: SafetensorsWriter,
  { name, shape, format }: TensorPlan & { format: IntFormat },
  pieces: () => AsyncIterable<IntRows> | Iterable<IntRows>,
): Promise<void> {
  const [rows = 0, columns = 0] = shape;
  const module = moduleOf(name);
  const channel = isChannel(format, shape);
  const groups = columns / format.block;
  const scales = new Float32Array(rows * groups);
  const [dtype, dims] = channel
    ? (["I8", [rows, columns]] as const)
    : (["I32", [rows, (columns * format.bits) / 32]] as const);
  await writer.add(channel ? name : `${module}.weight_packed`, dtype, dims, async (append) => {
    let at = 0;
    for await (const piece of pieces()) {
      scales.set(piece.scales, at);
      at += piece.scales.length;
      // Unsigned bytes around 128 become signed ones by turning the highest bit over.
      await append(channel ? piece.levels.map((level) => level ^ 0x80) : piece.levels);
    }
  });
  const scaleFormat = !channel && scales.every(isHalf) ? "F16" : "F32";
  await writer.addWhole(`${module}.weight_scale`, scaleFormat, [rows, groups], fromFloat32(scales, scaleFormat));
  if (!channel) {
    const dimensions = new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(columns)).buffer);
    await writer.addWhole(`${module}.weight_shape`, "I64", [2], dimensions);
  }
}

/** Adds the squares of the weights and of what rounding did to them. */
export function addError(sums: ErrorSums, values: Float32Array, rounded: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    sums.size += value * value;
    sums.error += (value - (rounded[i] ?? 0)) ** 2;
  }
}

/** A scale as it will be stored: in half precision, unless that has not all its digits. */
export function storedScale(scale: number): number {
  const size = Math.abs(scale);
  if (size < HALF_RANGE.smallest || size > HALF_RANGE.largest) return scale;
  return halfFloats()[halfBits(scale)] ?? 0;
}

function withStoredScales(rows: IntRows, format: IntFormat, columns: number): IntRows {
  return format.block === columns ? rows : { levels: rows.levels, scales: rows.scales.map(storedScale) };
}

function isHalf(scale: number): boolean {
  const size = Math.abs(scale);
  return size === 0 || (size >= HALF_RANGE.smallest && storedScale(scale) === scale);
}

function isChannel(format: IntFormat, shape: readonly number[]): boolean {
  return format.bits === 8 && format.block === shape[1];
}

function isFloatFormat(dtype: string): dtype is FloatFormat {
  return Object.hasOwn(FLOAT_BYTES, dtype);
}

/** A tensor's name without its last part. */
export function moduleOf(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}
