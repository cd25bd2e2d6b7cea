import type { Quantization } from "../../shared/inference/model.ts";
import type { Part, Precision } from "./linear.ts";
import { weightOf } from "./rows.ts";
import type { IntFormat, TensorSource } from "./tensor-source.ts";

/** Blocks that MatMulNBits and GatherBlockQuantized have kernels for, widest first. */
const KERNEL_BLOCKS = [256, 128, 64, 32, 16];

/**
 * Weights per scale in a 4-bit row of `columns`: 128 reads fewest bytes per token; in short rows it is half of the row and costs quality
 * (the starter's perplexity rises by 2.3% instead of 1.0%), and there speed does not depend on memory.
 */
export function int4Block(columns: number): number {
  return columns >= 1024 ? 128 : 64;
}

/** The widest block of a kernel, `most` at most, that divides a row or a stored block; undefined if none does. */
export function kernelBlock(length: number, most: number = KERNEL_BLOCKS[0] ?? 0): number | undefined {
  return KERNEL_BLOCKS.find((block) => block <= most && length % block === 0);
}

/**
 * The format in which stacked matrices go into one product; undefined for real numbers. What the file holds in the bits that are
 * wanted is taken over as it is, and decides the block for the rest.
 */
export function formatOf(
  source: TensorSource,
  parts: readonly Part[],
  columns: number,
  precision: Precision,
): IntFormat | undefined {
  const stored = parts.map((part) => source.ints?.formatOf(weightOf(part)));
  if (precision === "stored") return stored[0] === undefined ? undefined : productFormat(stored[0], columns);
  if (precision === "fp32") return undefined;
  const bits = BITS[precision];
  const usable = stored
    .filter((format) => format?.bits === bits)
    .map((format) => format && productFormat(format, columns));
  const [first] = usable;
  if (bits === 4) return first ?? { bits, block: int4Block(columns) };
  // In blocks, 8 bits take twice the time: only where nothing has to be rounded for it.
  const all = usable.length === parts.length && usable.every((format) => format?.block === first?.block);
  return (all ? first : undefined) ?? { bits, block: columns };
}

const BITS: Record<Exclude<Quantization, "fp32">, IntFormat["bits"]> = { int4: 4, int8: 8 };

/** How a product takes matrices that are stored in `format`: in the same numbers, in blocks that it has a kernel for. */
function productFormat({ bits, block }: IntFormat, columns: number): IntFormat | undefined {
  if (bits === 8 && block === columns) return { bits, block };
  const narrower = kernelBlock(block);
  return narrower === undefined ? undefined : { bits, block: narrower };
}
