import { type Conversation, newConversation, type StoredMessage, titleFrom } from "./conversation.ts";
import { generateAnswer } from "./generation.ts";
import type { Model } from "./home.ts";
import type { ConversationStore, SaveResult } from "./store.ts";
import { type TurnWindow, windowTurns } from "./turns.ts";

/** While an answer grows it is stored this often: what a reload in the middle may lose. */
const SAVE_EVERY_MS = 400;

/** How long the edge keeps an answer that nobody reads. */
const KEPT_MS = 10 * 60_000;

export type ChatEvents = {
  /** The list of conversations, or their titles, changed. */
  listChanged: () => void;
  /** Messages of the conversation came, went or changed state. */
  messagesChanged: (conversation: Conversation) => void;
  /** The answer has more text. */
  textGrew: (conversation: Conversation, answer: StoredMessage) => void;
  /** An answer ended, well or not. */
  answerEnded: (conversation: Conversation, answer: StoredMessage) => void;
  /** The browser's storage had to drop something, or takes nothing. */
  storageTrouble: (result: Exclude<SaveResult, "saved">) => void;
};

/** The conversations of this page and the answers under way. Each conversation has at most one; several may run at once. */
export class Chat {
  active: Conversation = newConversation();
  private conversations: Conversation[];
  private readonly running = new Map<string, AbortController>();
  private readonly windows = new Map<string, { model: string; window: TurnWindow<StoredMessage> }>();
  private leaving = false;
  private readonly store: ConversationStore;
  private readonly events: ChatEvents;

  constructor(store: ConversationStore, events: ChatEvents) {
    this.store = store;
    this.events = events;
    this.conversations = store.list();
  }

  /** The newest first. */
  list(): readonly Conversation[] {
    return this.conversations.toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  isRunning(conversation: Conversation = this.active): boolean {
    return this.running.has(conversation.id);
  }

  /** The turns of the active conversation that the model is given: as it was last asked, otherwise as estimated. */
  window(model: Model | undefined): TurnWindow<StoredMessage> {
    const last = this.windows.get(this.active.id);
    if (last !== undefined && last.model === model?.id) return last.window;
    return windowTurns(this.active.messages, { contextLength: model?.contextLength });
  }

  /** Opens the conversation, or a new one where there is none of that id. */
  open(id?: string): void {
    this.active = this.conversations.find((conversation) => conversation.id === id) ?? newConversation();
    this.events.listChanged();
    this.events.messagesChanged(this.active);
  }

  /** Removes a conversation; the returned function brings it back. */
  remove(id: string): () => void {
    const removed = this.conversations.find((conversation) => conversation.id === id);
    this.running.get(id)?.abort();
    this.store.remove(id);
    this.conversations = this.conversations.filter((conversation) => conversation.id !== id);
    if (this.active.id === id) this.open();
    else this.events.listChanged();
    return () => {
      if (removed === undefined) return;
      this.conversations.push(removed);
      this.save(removed);
      this.open(id);
    };
  }

  /** Reads again what another tab stored; conversations being answered here stay as they are. */
  reload(): void {
    const busy = this.conversations.filter((conversation) => this.isRunning(conversation));
    const stored = this.store.list().filter(({ id }) => !this.running.has(id));
    this.conversations = [...busy, ...stored];
    const same = this.conversations.find(({ id }) => id === this.active.id);
    if (same !== undefined && same !== this.active) {
      this.active = same;
      this.events.messagesChanged(same);
    }
    this.events.listChanged();
  }

  /** Adds the question to the active conversation and gets its answer. */
  async send(question: string, model: Model): Promise<void> {
    const conversation = this.active;
    if (conversation.title === "") conversation.title = titleFrom(question);
    if (!this.conversations.includes(conversation)) this.conversations.push(conversation);
    conversation.messages.push({ role: "user", content: question, state: "done" });
    await this.answer(conversation, model);
  }

  /** Throws the last answer away and asks its question again. */
  async regenerate(model: Model): Promise<void> {
    const conversation = this.active;
    if (this.isRunning(conversation)) return;
    if (conversation.messages.at(-1)?.role === "assistant") conversation.messages.pop();
    if (conversation.messages.at(-1)?.role === "user") await this.answer(conversation, model);
  }

  /** Ends the answer of the active conversation; what has come of it stays. */
  stop(): void {
    this.running.get(this.active.id)?.abort();
  }

  /**
   * The page is about to go: stores all answers under way, and nothing after that, because the browser now breaks their
   * connections and the page would store them as failed.
   */
  leave(): void {
    for (const conversation of this.conversations) {
      if (this.isRunning(conversation)) this.store.save(conversation);
    }
    this.leaving = true;
  }

  /** The page did not go, or came back from the browser's cache. */
  comeBack(): void {
    this.leaving = false;
  }

  /** Comes back to answers that a reload of the page interrupted: they went on meanwhile. */
  async resumeInterrupted(): Promise<void> {
    const since = Date.now() - KEPT_MS;
    const found = this.conversations.flatMap((conversation) => {
      const answer = conversation.messages.at(-1);
      const isWaiting =
        answer?.state === "interrupted" && answer.answerId !== undefined && conversation.updatedAt > since;
      return isWaiting && !this.isRunning(conversation) ? [{ conversation, answer }] : [];
    });
    await Promise.all(found.map(({ conversation, answer }) => this.comeBackTo(conversation, answer)));
  }

  private async comeBackTo(conversation: Conversation, before: StoredMessage): Promise<void> {
    conversation.messages.pop();
    const answer: StoredMessage = { ...before, content: "", state: "streaming" };
    await this.run(conversation, answer, { id: "", contextLength: undefined }, true);
    if (answer.state !== "failed") return;
    // It is no longer kept: what had come of it stays.
    conversation.messages.pop();
    conversation.messages.push({ ...before });
    delete conversation.messages.at(-1)?.answerId;
    this.touch(conversation);
    this.events.messagesChanged(conversation);
  }

  private async answer(conversation: Conversation, model: Model): Promise<void> {
    await this.run(conversation, { role: "assistant", content: "", state: "streaming" }, model, false);
  }

  private async run(
    conversation: Conversation,
    answer: StoredMessage,
    model: Pick<Model, "id" | "contextLength">,
    isResumed: boolean,
  ): Promise<void> {
    const history = [...conversation.messages];
    const abort = new AbortController();
    let savedAt = performance.now();
    this.running.set(conversation.id, abort);
    conversation.messages.push(answer);
    this.touch(conversation);
    this.events.messagesChanged(conversation);
    const window = await generateAnswer({
      history,
      answer,
      model: model.id,
      contextLength: model.contextLength,
      signal: abort.signal,
      isResumed,
      onText: () => {
        this.events.textGrew(conversation, answer);
        if (performance.now() - savedAt < SAVE_EVERY_MS) return;
        savedAt = performance.now();
        this.save(conversation);
      },
    });
    if (!isResumed) this.windows.set(conversation.id, { model: model.id, window });
    this.running.delete(conversation.id);
    this.touch(conversation);
    this.events.messagesChanged(conversation);
    this.events.answerEnded(conversation, answer);
  }

  private touch(conversation: Conversation): void {
    conversation.updatedAt = Date.now();
    this.save(conversation);
    this.events.listChanged();
  }

  private save(conversation: Conversation): void {
    // A last piece may still come for a conversation that was deleted.
    if (this.leaving || !this.conversations.includes(conversation)) return;
    const result = this.store.save(conversation);
    if (result === "evicted") this.reload();
    if (result !== "saved") this.events.storageTrouble(result);
  }
}
