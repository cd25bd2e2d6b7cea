import type { PluginContext } from "./context.ts";
import type { FromSchema, ToolSchema } from "./schema-type.ts";

/** What the model may call. */
export interface PluginTool<Input extends ToolSchema = ToolSchema> {
  /** For the model: what it does, and when to use it. */
  description: string;
  input: Input;
  output?: ToolSchema;
  /** `write`: it sends or changes something outside of the sandbox, so that a tainted turn asks the user first. */
  effect?: "read" | "write";
  /** Its result is JSON. What it throws is told the model by its message. */
  execute(context: PluginContext<FromSchema<Input>>): unknown;
}

export interface PluginDefinition {
  tools: Readonly<Record<string, PluginTool>>;
}

/** A tool whose context has the type that its input schema says. */
export function tool<const Input extends ToolSchema>(definition: PluginTool<Input>): PluginTool {
  // The host checks the input against this very schema before it calls, so that its type holds.
  return definition as unknown as PluginTool;
}

/** The default export of a plugin's module. */
export function definePlugin(definition: PluginDefinition): PluginDefinition {
  return definition;
}
