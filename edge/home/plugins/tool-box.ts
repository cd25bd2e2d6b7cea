import type { PluginCaller } from "../../../shared/plugin/context.ts";
import type { Priority } from "../../../shared/inference/request.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import type { ToolSchema } from "../../../shared/plugin/schema-type.ts";

/** Where an offered tool comes from. */
export type ToolSource =
  | { kind: "plugin"; name: string; version: string; hash: string; tool: string }
  | { kind: "mcp"; server: string; tool: string };

/** A tool as a conversation offers it to the model. */
export interface OfferedTool {
  /** What the model calls it, unique among one person's: `calculator__evaluate`; /^[a-z0-9_-]{1,64}$/. */
  name: string;
  /** The plugin's, or the server's. */
  title: { en: string; zh: string };
  description: string;
  input: ToolSchema;
  effect: "read" | "write";
  /** Its results hold what strangers wrote (net, files, a mounted server): they taint the turn. */
  taints: boolean;
  /** Where what it is called with may go: to hosts that were granted, or a mounted server; or to any host, as its arguments say. */
  sends: "nowhere" | "granted" | "anywhere";
  source: ToolSource;
}

/** For whom machines work. */
export interface Payer {
  caller: Caller;
  /** Models that may be used; null: all. */
  models: readonly string[] | null;
  priority: Priority;
}

export interface ToolBoxCall {
  /** The call's record has it too: a random id of the asker's making. */
  id: string;
  userId: string;
  /** `OfferedTool.name`. */
  tool: string;
  input: unknown;
  /** The turn that it is made for. */
  place?: { sessionId: string; index: number };
  /** Ids of files that the person picked for this. */
  files?: readonly string[];
  caller: PluginCaller;
  /** Whose limits what it asks a model counts for; absent: the person's, who has none. */
  payer?: Payer;
  signal: AbortSignal;
  onProgress?: (done: number, words?: string) => void;
}

/** `value` is JSON. */
export type ToolOutcome = { ok: true; value: unknown } | { ok: false; error: { code: string; message: string } };

export interface ToolBox {
  /** What this person has installed and switched on. Quick: from SQLite. */
  offered(userId: string): OfferedTool[];
  /** Never throws for what a tool does. Writes the call's record. */
  call(call: ToolBoxCall): Promise<ToolOutcome>;
}

/** Several boxes as one. Where two offer the same name, the first one has it: its owner sees to names that differ. */
export function joinToolBoxes(boxes: readonly ToolBox[]): ToolBox {
  const boxOf = (userId: string, tool: string): ToolBox | undefined =>
    boxes.find((box) => box.offered(userId).some(({ name }) => name === tool));
  return {
    offered(userId) {
      const byName = new Map<string, OfferedTool>();
      for (const tool of boxes.flatMap((box) => box.offered(userId)))
        if (!byName.has(tool.name)) byName.set(tool.name, tool);
      return [...byName.values()];
    },
    async call(call) {
      const box = boxOf(call.userId, call.tool);
      if (box !== undefined) return await box.call(call);
      return { ok: false, error: { code: "not_found", message: `There is no tool '${call.tool}'.` } };
    },
  };
}
