import { z } from "zod";

export const quantizationSchema = z.enum(["fp32", "int8", "int4"]);
export type Quantization = z.infer<typeof quantizationSchema>;

/** A model a machine can run, as it is announced to the edge and listed by the API. */
export const modelInfoSchema = z.object({
  name: z.string().min(1).max(256),
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
