import type { ModelTask, Quantization } from "../../shared/inference/model.ts";

/** Up to here exact weights are fast enough: 200 MB a token, a hundred tokens a second on any machine. */
const FP32_PARAMETERS = 50_000_000;
/** Up to here 8 bits still are; small models have no redundancy that 4 bits could take. */
const INT8_PARAMETERS = 400_000_000;

/** The quantisation of a model when nobody chose one: as exact as its size lets it be without making it slow. */
export function defaultQuantization(model: { parameters: number; task?: ModelTask }): Quantization {
  if (model.parameters < FP32_PARAMETERS) return "fp32";
  // A text is computed at once, so bytes per token do not count; and what 4 bits take from a vector nothing after it mends.
  if (model.task === "embed") return "int8";
  return model.parameters < INT8_PARAMETERS ? "int8" : "int4";
}
