import { z } from "zod";
import { EXPORT_FORMAT, EXPORT_PROBLEM_FORMAT, EXPORT_VERSION, exportedSessionSchema } from "../export/format.ts";
import type { Converted } from "./conversation.ts";
import { ImportError } from "./problem.ts";
import { type JsonObject, textOf } from "./text.ts";
import { checkTurns } from "./turn-builder.ts";

/** A session of Porchlight's own export: nothing of it is changed, but an answer that was still being written never ends there. */
export function fromPorchlight(entry: JsonObject): Converted {
  if (entry.format === EXPORT_PROBLEM_FORMAT) throw new ImportError("not_exported", textOf(entry.message));
  if (typeof entry.version === "number" && entry.version > EXPORT_VERSION) throw new ImportError("newer_version");
  const parsed = exportedSessionSchema.safeParse(entry);
  if (!parsed.success) throw new ImportError("bad_turn", z.prettifyError(parsed.error).slice(0, 300));
  const { id, format: _, version: __, turnCount: ___, turns: exported, ...session } = parsed.data;
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
