import * as z from "zod/mini";

/** Generous bounds: what is beyond them was not written by this page. */
const MAX_CONTENT_CHARS = 1_000_000;
const MAX_MESSAGES = 2000;
const TITLE_CHARS = 60;

const messageSchema = z.object({
  role: z.enum(["user", "assistant"]),
  content: z.string().check(z.maxLength(MAX_CONTENT_CHARS)),
  /** `streaming` is only true while a page writes it; found at load it means the page went away. */
  state: z.enum(["done", "streaming", "stopped", "interrupted", "failed"]),
  /** Why it is `failed`: the API's code and sentence. */
  error: z.optional(z.object({ code: z.string(), message: z.string() })),
  /** `length` when the model's limit cut it. */
  finish: z.optional(z.string()),
  /** By this name an answer that was interrupted can be come back to. */
  answerId: z.optional(z.string().check(z.regex(/^chatcmpl-[0-9a-f]{32}$/))),
  tokens: z.optional(z.number()),
  seconds: z.optional(z.number()),
});
export type StoredMessage = z.infer<typeof messageSchema>;

export const conversationSchema = z.object({
  id: z.string().check(z.regex(/^[a-z0-9-]{8,64}$/)),
  title: z.string().check(z.maxLength(200)),
  /** Unix time in milliseconds. */
  createdAt: z.number(),
  updatedAt: z.number(),
  messages: z.array(messageSchema).check(z.maxLength(MAX_MESSAGES)),
});
export type Conversation = z.infer<typeof conversationSchema>;

/** A conversation with no message yet. `now` is Unix time in milliseconds. */
export function newConversation(now = Date.now()): Conversation {
  return { id: randomId(), title: "", createdAt: now, updatedAt: now, messages: [] };
}

/** 128 random bits in hex; crypto.randomUUID does not exist on plain http. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A title from the first question: its first line, cut between what a reader takes for characters. */
export function titleFrom(question: string): string {
  const line = question.trim().split("\n", 1)[0] ?? "";
  const segments = new Intl.Segmenter().segment(line.replaceAll(/\s+/g, " "));
  const characters = Array.from(segments, ({ segment }) => segment);
  return characters.length <= TITLE_CHARS ? characters.join("") : `${characters.slice(0, TITLE_CHARS - 1).join("")}…`;
}
