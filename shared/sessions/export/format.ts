import { z } from "zod";
import { type Session, sessionSchema } from "../session.ts";
import { type Turn, turnSchema } from "../turn.ts";

export const EXPORT_FORMAT = "porchlight.session";
export const EXPORT_VERSION = 1;

/** A session as a file: all that it has, but for whose it is. `format` and `version` come first. */
export const exportedSessionSchema = z.object({
  format: z.literal(EXPORT_FORMAT),
  version: z.literal(EXPORT_VERSION),
  ...sessionSchema.omit({ userId: true }).shape,
  turns: z.array(turnSchema),
});
export type ExportedSession = z.infer<typeof exportedSessionSchema>;

/** Reads turns `from` to before `to` of the session that is written. */
export type TurnReader = (from: number, to: number) => Promise<Turn[]>;

const PAGE_TURNS = 50;

/** A session as one line of JSON, in pieces: a long one is never held whole. */
export async function* sessionJson(session: Session, read: TurnReader): AsyncGenerator<string> {
  const { userId: _, ...shown } = session;
  const head = JSON.stringify({ format: EXPORT_FORMAT, version: EXPORT_VERSION, ...shown });
  yield `${head.slice(0, -1)},"turns":[`;
  let isFirst = true;
  for await (const turn of allTurns(session.turnCount, read)) {
    yield (isFirst ? "" : ",") + JSON.stringify(turn);
    isFirst = false;
  }
  yield "]}\n";
}

export async function* allTurns(turnCount: number, read: TurnReader): AsyncGenerator<Turn> {
  for (let from = 0; from < turnCount; from += PAGE_TURNS) {
    yield* await read(from, Math.min(from + PAGE_TURNS, turnCount));
  }
}
