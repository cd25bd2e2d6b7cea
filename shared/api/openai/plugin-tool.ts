import { z } from "@hono/zod-openapi";
import { PorchlightError } from "../../errors.ts";
import type { InferenceBackend } from "../../inference/backend.ts";
import {
  approvalPolicySchema,
  pickedFilesSchema,
  pluginChoiceSchema,
  type PluginUse,
} from "../../inference/plugin-use.ts";
import type { GenerateRequest } from "../../inference/request.ts";

/** Tools of plugins, which the edge calls itself: an extension of OpenAI's APIs. */
export const pluginToolSchema = z
  .strictObject({
    type: z.literal("plugin"),
    plugin: pluginChoiceSchema.describe("`@publisher/name`, or `*` for all that are switched on."),
    files: pickedFilesSchema
      .nullish()
      .openapi({ description: "Ids of your files (`/v1/files`) that those of them may read that you let read files." }),
    require_approval: approvalPolicySchema
      .nullish()
      .describe(
        "When a tool that writes or sends waits for the person's word (`GET /api/approvals`): `tainted`, once the answer has seen what " +
          "strangers wrote, is what holds where nothing is said.",
      ),
  })
  .openapi("PluginTool", {
    description:
      "The edge calls these tools itself, in rounds, and says so in the member `porchlight` of chunks, in the Responses API of `keepalive` events. A key needs the scope `plugins`. " +
      "A call of one of your own functions ends the answer, as ever. A machine's own API has no plugins and refuses this.",
  });
type PluginTool = z.infer<typeof pluginToolSchema>;

export function isPluginTool(tool: { type: string }): tool is PluginTool {
  return tool.type === "plugin";
}

/** Whose tools a request wants called; nothing where it wants none. */
export function pluginUses(tools: readonly { type: string }[]): Pick<GenerateRequest, "plugins"> {
  const plugins = tools.filter(isPluginTool).map(({ plugin, files, require_approval: approval }): PluginUse => {
    const use = { plugin, approval: approval ?? "tainted" };
    return files ? { ...use, files } : use;
  });
  return plugins.length === 0 ? {} : { plugins };
}

/** Throws `unsupported_parameter` where nobody would call them. */
export function requirePluginCalls(request: GenerateRequest, inference: InferenceBackend): void {
  if (request.plugins === undefined || inference.callsPlugins === true) return;
  const sentence = "Unsupported value for 'tools': plugins are called by the edge; a machine's own API has none.";
  throw new PorchlightError("unsupported_parameter", sentence, { param: "tools" });
}
