import { EXPORT_FORMAT, EXPORT_PROBLEM_FORMAT, EXPORT_VERSION, type ExportedSession } from "../export/format.ts";
import type { Converted } from "./conversation.ts";
import { ImportError } from "./problem.ts";
import { isObject, type JsonObject, textOf } from "./text.ts";
import { checkTurns } from "./turn-builder.ts";

/**
 * A session of Porchlight's own export: nothing of it is changed, but an answer that was still being written never ends there. Only its
 * frame is looked at here; the edge holds all of it to the schema, and refuses what does not fit.
 */
export function fromPorchlight(entry: JsonObject): Converted {
  if (entry.format === EXPORT_PROBLEM_FORMAT) throw new ImportError("not_exported", textOf(entry.message));
  if (typeof entry.version === "number" && entry.version > EXPORT_VERSION) throw new ImportError("newer_version");
  if (!isExported(entry)) throw new ImportError("bad_turn");
  const { id, format: _format, version: _version, turnCount: _count, turns: exported, ...session } = entry;
  if (exported.length === 0) throw new ImportError("no_messages");
  if (exported.some(({ index }, at) => index !== at)) throw new ImportError("bad_turn", "turns are not in a row");
  const turns = exported.map(({ index: _index, ...turn }) =>
    turn.state === "answering" ? { ...turn, state: "cancelled" as const } : turn,
  );
  checkTurns(turns);
  const isUnfinished = exported.some(({ state }) => state === "answering");
  return {
    session: { ...session, from: { kind: "porchlight", id }, turns },
    notes: isUnfinished ? [{ code: "not_finished" }] : [],
  };
}

/** Whether it says that it is one. */
export function isPorchlight(entry: JsonObject): boolean {
  return entry.format === EXPORT_FORMAT || entry.format === EXPORT_PROBLEM_FORMAT;
}

function isExported(entry: JsonObject): entry is JsonObject & ExportedSession {
  const { id, title, turns } = entry;
  const isTurn = (turn: unknown): boolean => isObject(turn) && Array.isArray(turn.messages);
  return textOf(id) !== undefined && typeof title === "string" && Array.isArray(turns) && turns.every(isTurn);
}
