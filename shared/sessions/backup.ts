import { z } from "zod";
import { sessionSchema } from "./session.ts";
import { type Turn, turnSchema } from "./turn.ts";

export const segmentIdSchema = z.string().regex(/^seg_[0-9a-f]{32}$/, "expected the id of a segment");

/** Which turns a segment has: `from` to before `to`. */
export const segmentPlaceSchema = z.object({
  id: segmentIdSchema,
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
});

/**
 * What a head of a backed-up session says, as JSON. Written last: what it names is there already. Its turns are those of the
 * segments, then those of the parts 0 to before `parts`, in order. Of several heads, that of the highest revision counts: one that was
 * on its way when the object died may come late.
 */
export const backupHeadSchema = z.object({
  version: z.literal(1),
  session: sessionSchema,
  /** Where it was imported from. */
  sourceId: z.string().optional(),
  revision: z.number().int().nonnegative(),
  segments: z.array(segmentPlaceSchema),
  parts: z.number().int().nonnegative(),
});
export type BackupHead = z.infer<typeof backupHeadSchema>;

/** Names of the sealed objects of a session, below the household's own prefix. */
export const backupNames = {
  all: (sessionId: string): string => `${sessionId}/`,
  head: (sessionId: string, revision: number): string => `${sessionId}/${revision}.head`,
  segment: (sessionId: string, segmentId: string): string => `${sessionId}/${segmentId}`,
  part: (sessionId: string, revision: number, part: number): string => `${sessionId}/${revision}.${part}`,
};

const HEAD = /^(ses_[0-9a-z]{26})\/(\d{1,15})\.head$/;

/** Of a backup's names, the head that counts of each session. */
export function latestHeads(names: Iterable<string>): Map<string, { name: string; revision: number }> {
  const heads = new Map<string, { name: string; revision: number }>();
  for (const name of names) {
    const [, sessionId, digits] = HEAD.exec(name) ?? [];
    if (sessionId === undefined) continue;
    const revision = Number(digits);
    if (revision > (heads.get(sessionId)?.revision ?? -1)) heads.set(sessionId, { name, revision });
  }
  return heads;
}

/** Turns as a segment's or a part's plain bytes: one JSON object a line. */
export function encodeTurns(turns: readonly Turn[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(turns.map((turn) => `${JSON.stringify(turn)}\n`).join("")));
}

/** Throws where it is not what `encodeTurns` wrote. */
export function decodeTurns(bytes: Uint8Array): Turn[] {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => turnSchema.parse(JSON.parse(line)));
}
