import { z } from "zod";
import { PorchlightError } from "../errors.ts";

export const quantizationSchema = z.enum(["fp32", "int8", "int4"]);
export type Quantization = z.infer<typeof quantizationSchema>;

/** What a model is for: answering in text, or turning text into vectors. */
export const modelTaskSchema = z.enum(["generate", "embed"]);
export type ModelTask = z.infer<typeof modelTaskSchema>;

/** A model a machine can run, as it is announced to the edge and listed by the API. */
export const modelInfoSchema = z.object({
  name: z.string().min(1).max(256),
  /** Agents from before there were embedding models do not say. */
  task: modelTaskSchema.default("generate"),
  /** Tokens of prompt and output together. */
  contextLength: z.number().int().positive(),
  architecture: z.string().max(64),
  quantization: quantizationSchema,
  parameters: z.number().int().positive(),
  /** Unix time in seconds: when the model came to the machine. */
  createdAt: z.number().int().nonnegative(),
  loaded: z.boolean(),
});
export type ModelInfo = z.infer<typeof modelInfoSchema>;

/** The error for a request that a model of another kind would have to answer. @param wanted what the request needs */
export function wrongTask(model: string, wanted: ModelTask): PorchlightError {
  const sentence = {
    generate: `The model '${model.slice(0, 256)}' turns texts into vectors and cannot chat. Ask it at /v1/embeddings, or choose another.`,
    embed: `The model '${model.slice(0, 256)}' is for chat and makes no embeddings. GET /v1/models says the task of each.`,
  };
  return new PorchlightError("model_task_mismatch", sentence[wanted], { param: "model" });
}

/** Bits that a weight takes with its scales, the 8-bit output projection of int4 included. */
const BITS: Record<Quantization, number> = { fp32: 32, int8: 8.1, int4: 4.7 };

/** About how much memory a model's weights take, in bytes. */
export function weightBytes(parameters: number, quantization: Quantization): number {
  return Math.ceil((parameters * BITS[quantization]) / 8);
}
