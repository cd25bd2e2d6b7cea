import { z } from "zod";

export const DELIVERY_STATES = ["waiting", "running", "done", "failed"] as const;

const failureSchema = z.object({ code: z.string(), message: z.string() });
export type DeliveryFailure = z.infer<typeof failureSchema>;

/** A message that was taken. Times are Unix milliseconds. */
export interface HookDelivery {
  id: string;
  hookId: string;
  /** Of the message: the sender's, or the digest of its body. */
  messageId: string;
  receivedAtMs: number;
  state: (typeof DELIVERY_STATES)[number];
  bytes: number;
  /** Of its headers those that are shown. */
  headers: Record<string, string>;
  /** When it ended. */
  endedAtMs: number | null;
  /** JSON: what a plugin answered, cut where it was too long. */
  answer: string | null;
  /** What went wrong at the last try. */
  failure: DeliveryFailure | null;
  /** The plugin's call, for its record. */
  callId: string | null;
  /** Where it became a turn. */
  place: { sessionId: string; index: number } | null;
}

const json = z.string().transform((text): unknown => JSON.parse(text));

export const deliveryRowSchema = z
  .object({
    id: z.string(),
    hook_id: z.string(),
    message_id: z.string(),
    received_at: z.number(),
    state: z.enum(DELIVERY_STATES),
    bytes: z.number(),
    headers: json.pipe(z.record(z.string(), z.string())),
    ended_at: z.number().nullable(),
    answer: z.string().nullable(),
    failure: json.pipe(failureSchema).nullable(),
    call_id: z.string().nullable(),
    session_id: z.string().nullable(),
    turn: z.number().nullable(),
  })
  .transform(
    (row): HookDelivery => ({
      id: row.id,
      hookId: row.hook_id,
      messageId: row.message_id,
      receivedAtMs: row.received_at,
      state: row.state,
      bytes: row.bytes,
      headers: row.headers,
      endedAtMs: row.ended_at,
      answer: row.answer,
      failure: row.failure,
      callId: row.call_id,
      place: row.session_id === null || row.turn === null ? null : { sessionId: row.session_id, index: row.turn },
    }),
  );

/** Of a message as its work begins. */
export interface BegunDelivery extends HookDelivery {
  body: Uint8Array;
  /** Tries that were begun and never ended, this one among them. */
  begun: number;
}

export const begunRowSchema = z
  .object({ body: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)), begun: z.number() })
  .loose();
