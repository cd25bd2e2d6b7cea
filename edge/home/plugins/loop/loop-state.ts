import { z } from "zod";
import { callerSchema } from "../../../credentials/key-grant.ts";
import { prioritySchema } from "../../../../shared/inference/request.ts";
import { approvalPolicySchema, pickedFilesSchema } from "../../../../shared/inference/plugin-use.ts";

const sourceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("plugin"), name: z.string(), version: z.string(), hash: z.string(), tool: z.string() }),
  z.object({ kind: z.literal("mcp"), server: z.string(), tool: z.string() }),
]);

/** What is known of an answer whose model may call tools. */
export const loopStateSchema = z.object({
  userId: z.string(),
  place: z.object({ sessionId: z.string(), index: z.number() }).optional(),
  caller: z.object({ locale: z.enum(["en", "zh-CN"]), timeZone: z.string() }),
  payer: z.object({ caller: callerSchema, models: z.array(z.string()).nullable(), priority: prioritySchema }),
  contextLength: z.number(),
  most: z.number(),
  /** Whether what strangers wrote was before the model already. */
  tainted: z.boolean(),
  /** What the person wrote, as far as it may count: see own-addresses.ts. */
  own: z.string().default(""),
  /** How many calls went to addresses in that, once it was tainted. */
  ownCalls: z.number().default(0),
  tools: z.array(
    z.object({
      name: z.string(),
      effect: z.enum(["read", "write"]),
      source: sourceSchema,
      approval: approvalPolicySchema,
      files: pickedFilesSchema.optional(),
    }),
  ),
  leftOut: z.array(z.string()),
  /** How many results have a number by now. */
  sources: z.number().default(0),
});
export type LoopState = z.infer<typeof loopStateSchema>;
