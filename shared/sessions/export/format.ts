import type { Session } from "../session.ts";
import type { Turn } from "../turn.ts";

export const EXPORT_FORMAT = "porchlight.session";
export const EXPORT_VERSION = 1;
/** Of a line that stands for a session which could not be read: `{format, id, title, code, message}`. */
export const EXPORT_PROBLEM_FORMAT = "porchlight.problem";

/** A session as a file: all that it has, but for whose it is. `format` and `version` come first. */
export type ExportedSession = Omit<Session, "userId"> & {
  format: typeof EXPORT_FORMAT;
  version: typeof EXPORT_VERSION;
  turns: Turn[];
};

/** Reads turns from `from` on of the session that is written: some of them, or none where it ends. */
export type TurnReader = (from: number) => Promise<Turn[]>;

/** A session as one line of JSON, in pieces: a long one is never held whole. */
export async function* sessionJson(session: Session, read: TurnReader): AsyncGenerator<string> {
  const { userId: _, ...shown } = session;
  const head = JSON.stringify({ format: EXPORT_FORMAT, version: EXPORT_VERSION, ...shown });
  yield `${head.slice(0, -1)},"turns":[`;
  let isFirst = true;
  for await (const turn of allTurns(session, read)) {
    yield (isFirst ? "" : ",") + JSON.stringify(turn);
    isFirst = false;
  }
  yield "]}\n";
}

/** Its turns as they are read: as many as it had when it was looked up. */
export async function* allTurns({ turnCount }: Session, read: TurnReader): AsyncGenerator<Turn> {
  for (let from = 0; from < turnCount; ) {
    const turns = (await read(from)).slice(0, turnCount - from);
    if (turns.length === 0) return; // It was changed meanwhile.
    yield* turns;
    from += turns.length;
  }
}
