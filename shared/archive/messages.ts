import { z } from "zod";
import { fromBase64 } from "../base64.ts";
import { wireErrorSchema } from "../errors.ts";
import { segmentIdSchema } from "../sessions/backup.ts";
import { SESSION_LIMITS } from "../sessions/limits.ts";
import { sessionIdSchema } from "../sessions/session.ts";
import { turnSchema } from "../sessions/turn.ts";
import { ARCHIVE_LIMITS } from "./limits.ts";

const userIdSchema = z.string().min(1).max(128);
const count = z.number().int().nonnegative();
const base64Characters = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** Of a session's sealed objects: see `backupNames`. */
export const objectNameSchema = z
  .string()
  .regex(/^ses_[0-9a-z]{26}\/(?:seg_[0-9a-f]{32}|\d{1,15}\.(?:head|\d{1,6}))$/, "expected the name of a sealed object");

/** Base64 as the bytes that it stands for. */
const bytesSchema = (maxBytes: number) =>
  z
    .string()
    .max(base64Characters(maxBytes))
    .transform((text, context) => {
      try {
        return fromBase64(text);
      } catch {
        context.addIssue({ code: "custom", message: "must be base64" });
        return z.NEVER;
      }
    });
const plainSchema = bytesSchema(ARCHIVE_LIMITS.plainBytes);
const sealedSchema = bytesSchema(ARCHIVE_LIMITS.plainBytes + ARCHIVE_LIMITS.sealBytes);

/** Turns `from` to before `to` of a session, as a machine keeps them. */
export const archiveSegmentSchema = z
  .object({
    id: segmentIdSchema,
    sessionId: sessionIdSchema,
    userId: userIdSchema,
    from: count,
    to: count,
    title: z.string().max(SESSION_LIMITS.titleCharacters),
    turns: z.array(turnSchema).min(1).max(ARCHIVE_LIMITS.segmentTurns),
  })
  .refine(
    ({ from, to, turns }) => to - from === turns.length && turns.every(({ index }, at) => index === from + at),
    "must have each of its turns once, in their order",
  );
export type ArchiveSegment = z.infer<typeof archiveSegmentSchema>;

/** The one request of a stream of kind `archive`. Nothing in it opens what was sealed: that a machine does for its owner alone. */
export const archiveRequestSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("put"), segment: archiveSegmentSchema }),
  z.object({ op: z.literal("get"), sessionId: sessionIdSchema, segmentId: segmentIdSchema }),
  z.object({
    op: z.literal("drop"),
    sessionIds: z.array(sessionIdSchema).max(ARCHIVE_LIMITS.drops),
    segmentIds: z.array(segmentIdSchema).max(ARCHIVE_LIMITS.drops),
  }),
  z.object({
    op: z.literal("search"),
    userId: userIdSchema,
    query: z.string().max(SESSION_LIMITS.queryCharacters),
    limit: z.number().int().min(1).max(ARCHIVE_LIMITS.hits),
  }),
  z.object({
    op: z.literal("seal"),
    objects: z.array(z.object({ name: objectNameSchema, plain: plainSchema })).max(ARCHIVE_LIMITS.objects),
  }),
  z.object({
    op: z.literal("sealStored"),
    sessionId: sessionIdSchema,
    segmentId: segmentIdSchema,
    name: objectNameSchema,
  }),
]);
/** As it is read. */
export type ArchiveRequest = z.output<typeof archiveRequestSchema>;
/** As it is sent: bytes are base64. */
export type SentArchiveRequest = z.input<typeof archiveRequestSchema>;

export const archiveHitSchema = z.object({
  sessionId: sessionIdSchema,
  segmentId: segmentIdSchema,
  index: count,
  snippet: z.string().max(4 * SESSION_LIMITS.snippetCharacters),
  score: z.number(),
});

/** What each request is answered with. */
export const ARCHIVE_ANSWERS = {
  put: z.object({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  get: z.object({ turns: z.array(turnSchema).max(ARCHIVE_LIMITS.segmentTurns) }),
  drop: z.object({}),
  search: z.object({ hits: z.array(archiveHitSchema).max(ARCHIVE_LIMITS.hits) }),
  seal: z.object({
    objects: z.array(z.object({ name: objectNameSchema, sealed: sealedSchema })).max(ARCHIVE_LIMITS.objects),
  }),
  sealStored: z.object({ sealed: sealedSchema }),
} as const;
export type ArchiveOp = keyof typeof ARCHIVE_ANSWERS;
export type ArchiveAnswer<Op extends ArchiveOp = ArchiveOp> = z.output<(typeof ARCHIVE_ANSWERS)[Op]>;
export type SentArchiveAnswer<Op extends ArchiveOp = ArchiveOp> = z.input<(typeof ARCHIVE_ANSWERS)[Op]>;

/** In place of an answer. */
export const archiveFailureSchema = z.object({ error: wireErrorSchema });
