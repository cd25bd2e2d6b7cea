import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import { kernelBlock } from "./int-formats.ts";
import type { Part, Precision, Weights } from "./linear.ts";
import { blockCount } from "./quantize.ts";
import { expectShape, floatPieces, intPieces, weightOf } from "./rows.ts";
import type { IntFormat, TensorSource } from "./tensor-source.ts";

/** Weights per scale of an embedding that is rounded here. */
const BLOCKS = { int8: 128, int4: 32 } as const;

/** Adds the look-up of token ids in an embedding [rows, columns]: ids [...] -> [..., columns]. */
export async function addEmbedding(
  w: Weights,
  name: string,
  ids: Value,
  matrix: Part,
  columns: number,
  precision: Precision,
): Promise<Value> {
  const { rows } = matrix;
  expectShape(w.source, weightOf(matrix), [rows, columns]);
  const format = tableFormat(w.source, matrix, precision);
  if (format === undefined) {
    const weight = await w.file.stream(w.graph, `${name}.weight`, "float32", [rows, columns], async (append) => {
      for await (const { values } of floatPieces(w, [matrix], columns)) await append(new Uint8Array(values.buffer));
    });
    return w.graph.node(name, "Gather", [weight, ids]);
  }
  const { bits, block } = format;
  const blocks = blockCount(columns, block);
  const scales = new Float32Array(rows * blocks);
  // uint8 data of 4 bits hold two weights a byte, and the kernel counts in bytes.
  const dims = [rows, (columns * bits) / 8];
  const weight = await w.file.stream(w.graph, `${name}.weight`, "uint8", dims, async (append) => {
    for await (const piece of intPieces(w, [matrix], columns, format)) {
      scales.set(piece.scales, piece.row * blocks);
      await append(piece.levels);
    }
  });
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows, blocks]);
  return w.graph.node(name, "GatherBlockQuantized", [weight, ids, scale], {
    domain: CONTRIB,
    attributes: { gather_axis: 0, quantize_axis: 1, block_size: block, bits },
  });
}

/** As the file holds the table if it does so in the bits that are wanted, else rounded. */
function tableFormat({ ints }: TensorSource, matrix: Part, precision: Precision): IntFormat | undefined {
  const stored = ints?.formatOf(weightOf(matrix));
  const block = stored === undefined ? undefined : kernelBlock(stored.block, BLOCKS.int8);
  if (stored !== undefined && block !== undefined) {
    if (precision === "stored" || precision === `int${stored.bits}`) return { bits: stored.bits, block };
  }
  if (precision === "stored" || precision === "fp32") return undefined;
  return { bits: precision === "int8" ? 8 : 4, block: BLOCKS[precision] };
}
