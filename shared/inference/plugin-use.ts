import { z } from "zod";
import { pluginNameSchema } from "../plugin/manifest.ts";

/** When a tool that writes or sends waits for its person's word: once the turn has seen what strangers wrote, each time, or never. */
export const approvalPolicySchema = z.enum(["tainted", "always", "never"]);
export type ApprovalPolicy = z.infer<typeof approvalPolicySchema>;

/** `*`: all that the person has switched on. Otherwise a plugin, or a mounted server by its name. */
export const pluginChoiceSchema = z.union([
  z.literal("*"),
  pluginNameSchema,
  z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
]);

/** Ids of the asker's files that these tools may read. */
export const pickedFilesSchema = z.array(z.string().min(1).max(128)).min(1).max(16);

/** Whose tools the model may have called. */
export const pluginUseSchema = z.object({
  plugin: pluginChoiceSchema,
  approval: approvalPolicySchema,
  files: pickedFilesSchema.optional(),
});
export type PluginUse = z.infer<typeof pluginUseSchema>;
