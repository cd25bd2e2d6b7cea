import { z } from "zod";

/** A special token as tokenizer_config.json spells it, in short or at length; "" where there is none. */
export const specialTokenSchema = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform((token) => token.content)])
  .nullish()
  .transform((token) => token ?? "");
