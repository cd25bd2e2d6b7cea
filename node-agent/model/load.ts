import { resolve } from "node:path";
import type { Decoder, DecoderOptions } from "../engine/decoder.ts";
import { attentionNodes } from "./attention.ts";
import { openCompiled } from "./compiled-session.ts";
import { fitContext } from "./config.ts";
import { ropeStages } from "./rope.ts";
import { buildTransformer, precisionsOf, weightCount } from "./transformer.ts";
import { TransformerDecoder } from "./transformer-decoder.ts";
import { openModelTensors, readModelConfig, readReadyOnnx } from "./model-files.ts";
import { loadOnnxDecoder } from "./onnx/load.ts";

/** Raise it when the graph or the layout of weights changes: what was compiled before is then compiled anew. */
export const BUILDER_VERSION = 6;

/**
 * Loads a Hugging Face folder, a GGUF file or a ready-made ONNX graph as a decoder. The first time, the weights are converted and compiled for this CPU (seconds for a
 * small model, a minute for billions of parameters); later loads map the compiled file. Throws PorchlightError `model_load_failed`
 * with what is wrong with the folder.
 */
export async function loadDecoder(options: DecoderOptions): Promise<Decoder> {
  const path = resolve(options.folder);
  const ready = await readReadyOnnx(path, options.quantization);
  if (ready !== undefined) return await loadOnnxDecoder(ready, options);
  const found = await readModelConfig(path);
  const [firstStage = found.maxPositions] = ropeStages(found);
  const most = options.heedsStages === true ? found.maxPositions : firstStage;
  const contextLength = Math.min(options.contextLength ?? most, most);
  const config = fitContext(found, contextLength);
  const { quantization } = options;
  const session = await openCompiled(
    {
      path,
      quantization,
      // Neither slots nor context are here: the compiled graph takes any, up to the positions of its tables.
      key: { builder: BUILDER_VERSION, positions: config.maxPositions },
      open: () => openModelTensors(path),
      build: (weights) => buildTransformer(config, weights, precisionsOf(quantization, weights.source.quantization)),
      weightCount: weightCount(config),
      cpuNodes: attentionNodes(config),
    },
    options,
  );
  const decoder = new TransformerDecoder(session, config, { slots: options.slots, contextLength });
  options.onProgress?.("loading", 1);
  return decoder;
}
