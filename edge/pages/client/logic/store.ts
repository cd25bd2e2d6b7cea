import * as z from "zod/mini";
import { type Conversation, conversationSchema } from "./conversation.ts";

/** The part of Web Storage that the store needs. */
export type KeyValueStorage = {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
};

/** Goes up when the stored form changes; what carries another number is left alone and not shown. */
const VERSION = 1;

/** Browsers give an origin about 5 M characters; the conversations take at most part of it. */
const MAX_CHARS = 3_000_000;
const MAX_CONVERSATIONS = 100;

const entrySchema = z.object({ version: z.literal(VERSION), conversation: conversationSchema });

export type SaveResult = "saved" | "evicted" | "refused";

/**
 * Conversations in Web Storage, one entry each, so that one broken entry or another tab spoils no other. Whatever is found is
 * parsed; what does not parse is skipped. `account` keeps people who share a browser apart.
 */
export class ConversationStore {
  private readonly storage: KeyValueStorage;
  private readonly prefix: string;

  constructor(storage: KeyValueStorage, account: string) {
    this.storage = storage;
    this.prefix = `porchlight/conversation/${account}/`;
  }

  /** All conversations, the newest first. An answer a page left half-way is marked as interrupted. */
  list(): Conversation[] {
    return this.keys()
      .map((key) => this.read(key))
      .filter((conversation) => conversation !== undefined)
      .toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  /** Whether a storage event's key is one of ours (null: everything was cleared). */
  owns(key: string | null): boolean {
    return key === null || key.startsWith(this.prefix);
  }

  /** Keeps `conversation`; makes room by removing the oldest others. `refused`: the browser stores nothing. */
  save(conversation: Conversation): SaveResult {
    const value = JSON.stringify({ version: VERSION, conversation });
    const others = this.list().filter((other) => other.id !== conversation.id);
    let evicted = false;
    const dropOldest = (): boolean => {
      const oldest = others.pop();
      if (oldest === undefined) return false;
      this.remove(oldest.id);
      evicted = true;
      return true;
    };
    while (others.length >= MAX_CONVERSATIONS && dropOldest());
    while (this.sizeOf(others) + value.length > MAX_CHARS && dropOldest());
    while (!this.write(conversation.id, value)) {
      if (!dropOldest()) return "refused";
    }
    return evicted ? "evicted" : "saved";
  }

  remove(id: string): void {
    this.storage.removeItem(this.prefix + id);
  }

  private sizeOf(conversations: Conversation[]): number {
    return conversations.reduce((sum, { id }) => sum + (this.storage.getItem(this.prefix + id)?.length ?? 0), 0);
  }

  private write(id: string, value: string): boolean {
    try {
      this.storage.setItem(this.prefix + id, value);
      return true;
    } catch {
      return false; // Full (QuotaExceededError) or forbidden: the caller makes room or says so.
    }
  }

  private keys(): string[] {
    const indexes = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index));
    return indexes.filter((key) => key !== null && key.startsWith(this.prefix)).map(String);
  }

  private read(key: string): Conversation | undefined {
    const parsed = entrySchema.safeParse(parseJson(this.storage.getItem(key)));
    if (!parsed.success || this.prefix + parsed.data.conversation.id !== key) return undefined;
    const { conversation } = parsed.data;
    for (const message of conversation.messages) {
      if (message.state === "streaming") message.state = "interrupted";
    }
    return conversation;
  }
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined; // Broken by hand or by another program: skipped like any other foreign entry.
  }
}
