import type { GenerateRequest, Priority } from "../../../../shared/inference/request.ts";
import type { PluginCaller } from "../../../../shared/plugin/context.ts";
import type { SessionSettings } from "../../../../shared/sessions/settings.ts";
import type { Caller } from "../../../credentials/key-grant.ts";

/** A turn as it is asked for. */
export interface TurnRequest {
  sessionId: string;
  userId: string;
  caller: Caller;
  priority: Priority;
  /** Models that may be used; null: all. */
  models: readonly string[] | null;
  /** Absent: the last question again, another answer in the place of the one it has. */
  content?: string;
  /** Of the answer, as its client comes back to it: asked for twice, it is the same turn. */
  id: string;
  includeUsage: boolean;
  settings: SessionSettings;
  /** For whom tools are called, and which of the person's files they may read. */
  asker?: PluginCaller;
  files?: readonly string[];
  /** What is asked was written by strangers: from here on the conversation is tainted. */
  fromStrangers?: boolean;
  /** How it is to be answered beside that. */
  options: Omit<GenerateRequest, "model" | "messages">;
}

/** A turn that is being answered. */
export interface StartedTurn {
  id: string;
  index: number;
  /** Unix time in seconds. */
  created: number;
  model: string;
  /** How the client stands with its limits. */
  headers: [string, string][];
}
