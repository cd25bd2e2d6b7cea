import type { PluginContext } from "./context.ts";
import type { AfterTurn, BeforeTurn, Passage, SearchInput, ScheduledRun, WebhookMessage } from "./part-context.ts";
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

/** A corpus: asked before answers where its person has set that, and by models as the tool `search`. */
export interface PluginKnowledge {
  /** For the model: what is in it, and when to look there. */
  description: string;
  /** The nearest first, `input.most` at most. */
  search(context: PluginContext<SearchInput>): readonly Passage[] | Promise<readonly Passage[]>;
}

/** One of these at least. */
export interface PluginDefinition {
  tools?: Readonly<Record<string, PluginTool>>;
  /** What arrives at an address that a person has made for it, its signature checked. Its result, JSON, is what the sender is answered. */
  webhook?(context: PluginContext<WebhookMessage>): unknown;
  /** With `permissions.turns`. Each has two seconds, and failing changes nothing. */
  hooks?: {
    /** Its result is a text that goes along with the question; nothing: nothing does. */
    beforeTurn?(context: PluginContext<BeforeTurn>): string | undefined | Promise<string | undefined>;
    afterTurn?(context: PluginContext<AfterTurn>): unknown;
  };
  knowledge?: PluginKnowledge;
  /** With `permissions.schedule`. `every`: five fields of cron, in the person's time zone, 15 minutes apart at least. */
  schedule?: { every: string; run(context: PluginContext<ScheduledRun>): unknown };
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
