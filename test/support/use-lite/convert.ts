import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildUseLite, USE_LITE_POSITIONS } from "./graph.ts";
import { readUseLiteVocabulary, readUseLiteWeights } from "./weights.ts";

/** The first pieces of the vocabulary are controls; in a text they are only characters. */
const CONTROLS = 6;
/** So unlikely that no text is cut into it. */
const NEVER = -1e6;

/**
 * Writes Universal Sentence Encoder lite into a new folder, in the layout of an ONNX model on a hub: config.json, tokenizer.json
 * and onnx/model.onnx.
 */
export async function convertUseLite(folder: string): Promise<void> {
  await mkdir(join(folder, "onnx"), { recursive: true });
  await writeFile(join(folder, "onnx", "model.onnx"), buildUseLite(await readUseLiteWeights()));
  const vocabulary = await readUseLiteVocabulary();
  const config = {
    architectures: ["UniversalSentenceEncoderLite"],
    model_type: "use_lite",
    vocab_size: vocabulary.length,
    max_position_embeddings: USE_LITE_POSITIONS,
  };
  const unigram = {
    type: "Unigram",
    unk_id: 0,
    vocab: vocabulary.map(([piece, score], id) => [piece, id < CONTROLS ? NEVER : score]),
  };
  const space = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: false };
  const tokenizer = {
    version: "1.0",
    added_tokens: [],
    normalizer: { type: "NFKC" },
    pre_tokenizer: space,
    post_processor: null,
    decoder: space,
    model: unigram,
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  await writeFile(join(folder, "tokenizer_config.json"), "{}");
}
