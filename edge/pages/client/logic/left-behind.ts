import * as z from "zod/mini";
import type { ImportBatch } from "../../../../shared/sessions/import/batch.ts";
import type { NewTurn } from "../../../../shared/sessions/turn.ts";

/** The part of Web Storage that is needed. */
export type KeyValueStorage = {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
};

const messageSchema = z.object({
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  state: z.string(),
});
const entrySchema = z.object({
  version: z.literal(1),
  conversation: z.object({
    id: z.string().check(z.regex(/^[a-z0-9-]{8,64}$/)),
    title: z.string(),
    createdAt: z.number(),
    updatedAt: z.number(),
    messages: z.array(messageSchema),
  }),
});
type Stored = z.infer<typeof entrySchema>["conversation"];
type Imported = ImportBatch["sessions"][number];

/** A conversation as it goes over, and where it was. */
export type LeftBehind = { key: string; session: Imported };

/**
 * Conversations that former versions of this page kept in the browser, ready for `POST /api/sessions/import`. What does not parse is
 * left alone. `account` keeps people who share a browser apart.
 */
export function leftBehind(storage: KeyValueStorage, account: string): LeftBehind[] {
  const prefix = `porchlight/conversation/${account}/`;
  const indexes = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return indexes.flatMap((key) => {
    if (key === null || !key.startsWith(prefix)) return [];
    const parsed = entrySchema.safeParse(parseJson(storage.getItem(key)));
    if (!parsed.success || prefix + parsed.data.conversation.id !== key) return [];
    return [{ key, session: toSession(parsed.data.conversation) }];
  });
}

function toSession({ id, title, createdAt, updatedAt, messages }: Stored): Imported {
  const createdAtMs = Math.max(0, Math.round(createdAt));
  const turns: NewTurn[] = [];
  for (const { role, content, state } of messages) {
    const turn = turns.at(-1);
    if (role === "user") {
      turns.push({ createdAtMs, model: "", state: "failed", messages: [{ role, content }] });
    } else if (turn !== undefined) {
      turn.messages.push({ role, content });
      turn.state = state === "failed" ? "failed" : state === "done" ? "complete" : "cancelled";
    }
  }
  return {
    from: { kind: "porchlight", id },
    title: title.slice(0, 200),
    createdAtMs,
    updatedAtMs: Math.max(0, Math.round(updatedAt)),
    settings: {},
    source: "chat",
    turns,
  };
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined; // Broken by hand or by another program: no conversation of ours.
  }
}
