import * as z from "zod/mini";
import type { ImportBatch } from "../../../../shared/sessions/import/batch.ts";
import type { SessionSettings } from "../../../../shared/sessions/settings.ts";
import type { Trace } from "../../../home/sessions/context/trace.ts";
import { AnswerError, errorOf } from "./completion.ts";
import type { ChatMessage, Conversation } from "./conversation.ts";
import type { Fetcher } from "./fetcher.ts";
import { callsOf } from "./tool-calls.ts";

const PATH = "/api/sessions";

// The server of the same build checked and wrote what is passed through as it is.
const settingsSchema = z.custom<SessionSettings>((value) => typeof value === "object" && value !== null);
const traceSchema = z.custom<Trace>((value) => typeof value === "object" && value !== null);

const sessionSchema = z.object({
  id: z.string(),
  title: z.string(),
  updatedAt: z.string(),
  turnCount: z.number(),
  settings: settingsSchema,
});
const listSchema = z.object({ sessions: z.array(sessionSchema), next: z.nullable(z.string()) });

const turnSchema = z.object({
  index: z.number(),
  state: z.enum(["answering", "complete", "cancelled", "failed"]),
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.string(),
      reasoning: z.optional(z.string()),
      toolCalls: z.optional(z.array(z.object({ id: z.string(), name: z.string(), arguments: z.string() }))),
      toolCallId: z.optional(z.string()),
    }),
  ),
  usage: z.nullable(z.object({ completionTokens: z.number() })),
  error: z.nullable(z.object({ code: z.string(), message: z.string() })),
});
const pageSchema = z.object({ turns: z.array(turnSchema), turnCount: z.number(), next: z.nullable(z.number()) });
const tracedSchema = z.extend(turnSchema, { runId: z.nullable(z.string()), trace: z.nullable(traceSchema) });

const hitsSchema = z.object({
  hits: z.array(
    z.object({ sessionId: z.string(), title: z.string(), index: z.nullable(z.number()), snippet: z.string() }),
  ),
  complete: z.boolean(),
});
export type SearchHits = z.infer<typeof hitsSchema>;

const importedSchema = z.object({ sessions: z.array(z.object({ state: z.string() })) });

/** A turn as it is shown, and how to come back to its answer while that is under way. */
export type TracedTurn = { messages: ChatMessage[]; runId: string | undefined; trace: Trace | undefined };

/** The person's conversations at the edge. Every method rejects with AnswerError. */
export class Sessions {
  private readonly fetcher: Fetcher;

  constructor(fetcher: Fetcher = fetch) {
    this.fetcher = fetcher;
  }

  /** The ones that changed last; `before` of the page before. */
  async list(before?: string): Promise<{ conversations: Conversation[]; next: string | undefined }> {
    const query = before === undefined ? "" : `?before=${encodeURIComponent(before)}`;
    const { sessions, next } = await this.ask(listSchema, "GET", query);
    return { conversations: sessions.map(toConversation), next: next ?? undefined };
  }

  async get(id: string): Promise<Conversation> {
    return toConversation(await this.ask(sessionSchema, "GET", `/${id}`));
  }

  async create(settings: SessionSettings): Promise<Conversation> {
    return toConversation(await this.ask(sessionSchema, "POST", "", { settings }));
  }

  async change(id: string, change: { title?: string; settings?: SessionSettings }): Promise<Conversation> {
    return toConversation(await this.ask(sessionSchema, "PATCH", `/${id}`, change));
  }

  /** A copy of the turns before `upTo`. */
  async fork(id: string, upTo: number): Promise<Conversation> {
    return toConversation(await this.ask(sessionSchema, "POST", `/${id}/fork`, { upTo }));
  }

  /** `isLast`: the page is about to go. */
  async remove(id: string, isLast = false): Promise<void> {
    await this.send("DELETE", `/${id}`, undefined, isLast);
  }

  /** Messages of the turns from `from` to before `to`. */
  async messages(id: string, from: number, to: number): Promise<ChatMessage[]> {
    const found: ChatMessage[] = [];
    for (let next: number | null = from; next !== null && next < to; ) {
      const limit = Math.min(50, to - next);
      const page: z.infer<typeof pageSchema> = await this.ask(
        pageSchema,
        "GET",
        `/${id}/turns?from=${next}&limit=${limit}`,
      );
      found.push(...page.turns.flatMap(messagesOf));
      next = page.next;
    }
    return found;
  }

  async turn(id: string, index: number): Promise<TracedTurn> {
    const turn = await this.ask(tracedSchema, "GET", `/${id}/turns/${index}`);
    return { messages: messagesOf(turn), runId: turn.runId ?? undefined, trace: turn.trace ?? undefined };
  }

  async search(text: string): Promise<SearchHits> {
    return await this.ask(hitsSchema, "GET", `/search?q=${encodeURIComponent(text)}`);
  }

  /** Returns how many were taken in, or were there already. */
  async import(batch: ImportBatch): Promise<number> {
    const { sessions } = await this.ask(importedSchema, "POST", "/import", batch);
    return sessions.filter(({ state }) => state !== "refused").length;
  }

  /** The person's word on a call that waits for it. */
  async decide({ id, hash }: { id: string; hash: string }, decision: "allow" | "deny"): Promise<void> {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ decision, hash });
    const path = `/api/approvals/${id}`;
    const response = await this.fetcher(path, { method: "POST", credentials: "same-origin", headers, body }).catch(
      () => {
        throw new AnswerError("network", "The server cannot be reached.");
      },
    );
    if (!response.ok) throw await errorOf(response);
  }

  private async ask<T>(schema: z.ZodMiniType<T>, method: string, path: string, body?: object): Promise<T> {
    const response = await this.send(method, path, body);
    const parsed = schema.safeParse(await response.json().catch(() => undefined));
    if (parsed.success) return parsed.data;
    throw new AnswerError("bad_answer", "The server sent something that is not an answer.", response.status);
  }

  private async send(method: string, path: string, body?: object, keepalive = false): Promise<Response> {
    const json = { "content-type": "application/json" };
    const response = await this.fetcher(PATH + path, {
      method,
      credentials: "same-origin",
      keepalive,
      ...(body === undefined ? {} : { headers: json, body: JSON.stringify(body) }),
    }).catch(() => {
      throw new AnswerError("network", "The server cannot be reached.");
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

function toConversation({ updatedAt, ...session }: z.infer<typeof sessionSchema>): Conversation {
  return { ...session, updatedAt: Date.parse(updatedAt), messages: [], firstTurn: session.turnCount };
}

const STATES = { answering: "streaming", complete: "done", cancelled: "stopped", failed: "failed" } as const;

/** What a person said, and all that was answered as one. */
function messagesOf({ index, state, messages, usage, error }: z.infer<typeof turnSchema>): ChatMessage[] {
  const said = messages.filter(({ role }) => role === "assistant");
  const calls = callsOf(messages);
  const words = (texts: string[]): string => texts.filter((text) => text !== "").join("\n\n");
  const question: ChatMessage = {
    role: "user",
    content: messages[0]?.content ?? "",
    reasoning: "",
    state: "done",
    turn: index,
  };
  const answer: ChatMessage = {
    role: "assistant",
    content: words(said.map(({ content }) => content)),
    reasoning: words(said.map(({ reasoning }) => reasoning ?? "")),
    state: STATES[state],
    turn: index,
    ...(calls.length === 0 ? {} : { calls }),
    ...(usage === null ? {} : { tokens: usage.completionTokens }),
    ...(error === null ? {} : { error }),
  };
  return [question, answer];
}
