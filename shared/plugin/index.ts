/** What a plugin's module imports: `import { definePlugin, tool } from "porchlight/plugin"`. */
export type * from "./context.ts";
export type * from "./part-context.ts";
export { definePlugin, tool, type PluginDefinition, type PluginKnowledge, type PluginTool } from "./define-plugin.ts";
export type { FromSchema, ToolSchema } from "./schema-type.ts";
