import type { PluginUse } from "../../../../shared/inference/plugin-use.ts";
import type { ResolvedSettings } from "../../../../shared/sessions/settings.ts";
import type { AsidesRequest } from "../../plugins/asides/asides.ts";
import type { TurnRequest } from "./turn-request.ts";

/** The turn as plugins are asked beside it. */
export function asidesRequest(
  { userId, sessionId, caller, models, priority, asker }: TurnRequest,
  { question, index, settings }: { question: string; index: number; settings: ResolvedSettings },
): AsidesRequest {
  const { plugins = [] } = settings;
  return { userId, place: { sessionId, index }, question, plugins, caller: asker, payer: { caller, models, priority } };
}

/** The plugins whose tools may be called, and how. */
export function usesOf(
  { plugins, approval = "tainted" }: ResolvedSettings,
  files: readonly string[] = [],
): PluginUse[] {
  const names = plugins === "*" ? ["*"] : (plugins ?? []);
  return names.map((plugin) => ({ plugin, approval, ...(files.length === 0 ? {} : { files: [...files] }) }));
}

/** What is set down for the model, with the files that were picked: their contents are for tools to read. */
export function withFiles(instructions: string | undefined, files: readonly string[] = []): { instructions?: string } {
  if (files.length === 0) return instructions === undefined ? {} : { instructions };
  const count = files.length === 1 ? "a file" : `${files.length} files`;
  const note = `With this message the user has picked ${count}, which tools that read picked files can read.`;
  return { instructions: instructions === undefined || instructions === "" ? note : `${instructions}\n\n${note}` };
}
