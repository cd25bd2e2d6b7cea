import type { SessionSettings } from "../../../../shared/sessions/settings.ts";
import { AnswerError, newAnswerId } from "./completion.ts";
import { type ChatMessage, type Conversation, newConversation, titleFrom } from "./conversation.ts";
import { generateAnswer } from "./generation.ts";
import type { Sessions } from "./sessions.ts";

/** Turns that are fetched at once when a conversation is opened, or read further back. */
const PAGE_TURNS = 30;
/** Before a turn that is jumped to. */
const TURNS_BEFORE = 3;

export type ChatEvents = {
  /** The list of conversations, or their titles, changed. */
  listChanged: () => void;
  /** Messages of the conversation came, went or changed state. */
  messagesChanged: (conversation: Conversation) => void;
  /** The answer has more text. */
  textGrew: (conversation: Conversation, answer: ChatMessage) => void;
  /** An answer ended, well or not. */
  answerEnded: (conversation: Conversation, answer: ChatMessage) => void;
  /** Other tabs should look again. */
  told: () => void;
  /** Something could not be done. */
  failed: (error: AnswerError) => void;
};

/** The conversations as this page knows them and the answers under way. Each conversation has at most one; several may run at once. */
export class Chat {
  active: Conversation = newConversation();
  /** Whether the list goes on at the edge. */
  hasMore = false;
  private conversations: Conversation[] = [];
  private next: string | undefined;
  private readonly running = new Map<Conversation, AbortController>();
  /** Deleted here, and to be deleted at the edge unless that is taken back. */
  private readonly removed = new Set<string>();
  private opening = 0;
  /** The conversation that is to be opened, while the edge is asked for it. */
  private coming: Promise<Conversation | undefined> | undefined;
  private readonly sessions: Sessions;
  private readonly events: ChatEvents;

  constructor(sessions: Sessions, events: ChatEvents) {
    this.sessions = sessions;
    this.events = events;
  }

  /** The one that changed last first. */
  list(): readonly Conversation[] {
    return this.conversations.filter(({ id }) => !this.removed.has(id)).toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  isRunning(conversation: Conversation = this.active): boolean {
    return this.running.has(conversation);
  }

  /** Reads the list again, as far as it was read. What is open, and not answered here, is read again too if it changed. */
  async refresh(): Promise<void> {
    await this.attempt(async () => {
      const { conversations, next } = await this.sessions.list();
      const known = new Map(this.conversations.map((conversation) => [conversation.id, conversation]));
      const oldest = conversations.at(-1)?.updatedAt ?? 0;
      const fresh = conversations.map((head) => this.merged(known.get(head.id), head));
      const ids = new Set(fresh.map(({ id }) => id));
      const further =
        next === undefined ? [] : this.conversations.filter(({ id, updatedAt }) => !ids.has(id) && updatedAt <= oldest);
      const own = this.conversations.filter((one) => one.id === "" || (this.isRunning(one) && !ids.has(one.id)));
      this.conversations = [...new Set([...fresh, ...further, ...own])];
      if (further.length === 0) this.next = next;
      this.hasMore = this.next !== undefined;
      this.events.listChanged();
      const { active } = this;
      const isGone = active.id !== "" && !this.conversations.includes(active) && next === undefined;
      if (isGone) await this.open();
      else if (active.id !== "" && !this.isRunning() && isBehind(active)) await this.load(active);
    });
  }

  /** Reads on in the list. */
  async more(): Promise<void> {
    const { next } = this;
    if (next === undefined) return;
    this.next = undefined; // Once, however often it is asked for meanwhile.
    await this.attempt(async () => {
      const page = await this.sessions.list(next);
      const ids = new Set(this.conversations.map(({ id }) => id));
      this.conversations.push(...page.conversations.filter(({ id }) => !ids.has(id)));
      this.next = page.next;
      this.hasMore = page.next !== undefined;
      this.events.listChanged();
    });
  }

  /** Opens the conversation, at a turn if one is named; a new one where there is none of that id. */
  async open(id?: string, turn?: number): Promise<void> {
    const opening = ++this.opening;
    const isKnown = id === undefined || this.known(id) !== undefined;
    this.coming = isKnown ? undefined : this.sessions.get(id).catch(() => undefined);
    const head = isKnown ? undefined : await this.coming;
    if (opening !== this.opening) return; // Another was opened meanwhile.
    this.coming = undefined;
    const found = this.known(id) ?? head; // The list may have come meanwhile.
    if (found !== undefined && !this.conversations.includes(found)) this.conversations.push(found);
    this.active = found ?? newConversation();
    this.events.listChanged();
    this.events.messagesChanged(this.active);
    if (found !== undefined && !this.isRunning(found)) await this.load(found, turn);
  }

  /** The active conversation, once the one that was asked for last has come. */
  async opened(): Promise<Conversation> {
    while (this.coming !== undefined) await this.coming;
    return this.active;
  }

  /** Reads further back in the active conversation. */
  async older(): Promise<void> {
    const { active } = this;
    if (active.firstTurn === 0 || active.messages.length === 0) return;
    await this.attempt(async () => {
      const to = active.firstTurn;
      const from = Math.max(0, to - PAGE_TURNS);
      const messages = await this.sessions.messages(active.id, from, to);
      if (active.firstTurn !== to) return;
      active.messages.unshift(...messages);
      active.firstTurn = from;
      this.events.messagesChanged(active);
    });
  }

  /** Deletes a conversation here. It is gone for good with `done`; `undo` brings it back. */
  remove(id: string): { undo: () => void; done: (isLast?: boolean) => void } {
    const conversation = this.known(id);
    if (conversation !== undefined) this.running.get(conversation)?.abort();
    this.removed.add(id);
    if (this.active.id === id) void this.open();
    else this.events.listChanged();
    return {
      undo: () => {
        this.removed.delete(id);
        void this.open(id);
      },
      done: (isLast) => {
        if (!this.removed.has(id)) return;
        void this.attempt(async () => {
          await this.sessions.remove(id, isLast);
          this.conversations = this.conversations.filter((one) => one.id !== id);
          this.removed.delete(id);
          this.events.told();
        });
      },
    };
  }

  /** Names a conversation and sets how it is held. */
  async change(conversation: Conversation, change: { title: string; settings: SessionSettings }): Promise<void> {
    Object.assign(conversation, change);
    this.events.listChanged();
    this.events.messagesChanged(conversation);
    if (conversation.id === "") return; // It is told when something is said.
    await this.attempt(async () => {
      await this.sessions.change(conversation.id, change);
      this.events.told();
    });
  }

  /** Goes on from a turn in a conversation of its own. */
  async fork(turn: number): Promise<void> {
    await this.attempt(async () => {
      const forked = await this.sessions.fork(this.active.id, turn + 1);
      this.conversations.push(forked);
      await this.open(forked.id);
      this.events.told();
    });
  }

  /** Says something in the active conversation and gets its answer. */
  async send(question: string, model: string): Promise<void> {
    const conversation = await this.opened();
    if (conversation.title === "") conversation.title = titleFrom(question);
    if (!this.conversations.includes(conversation)) this.conversations.push(conversation);
    const turn = undefined;
    conversation.messages.push({ role: "user", content: question, reasoning: "", state: "done", turn });
    await this.ask(conversation, model);
  }

  /** Has the last question answered again. */
  async regenerate(model: string): Promise<void> {
    const conversation = this.active;
    if (this.isRunning()) return;
    if (conversation.messages.at(-1)?.role === "assistant") conversation.messages.pop();
    if (conversation.messages.at(-1)?.role === "user") await this.ask(conversation, model);
  }

  /** Ends the answer of the active conversation; what has come of it stays. */
  stop(): void {
    this.running.get(this.active)?.abort();
  }

  /** What was sent to the model for an answer. */
  async trace(answer: ChatMessage, { id }: Conversation = this.active): Promise<ChatMessage["trace"]> {
    const { turn } = answer;
    if (turn === undefined || id === "") return undefined;
    answer.trace ??= (await this.attempt(async () => await this.sessions.turn(id, turn)))?.trace;
    return answer.trace;
  }

  /** Turns of a conversation, the last ones or those from a turn on; and an answer that is under way. */
  private async load(conversation: Conversation, turn?: number): Promise<void> {
    await this.attempt(async () => {
      const { turnCount } = conversation;
      const last = turnCount - PAGE_TURNS;
      const from = Math.max(0, turn === undefined ? last : Math.min(last, turn - TURNS_BEFORE));
      const messages = await this.sessions.messages(conversation.id, from, turnCount);
      // What the edge would not take stays, to be tried again.
      conversation.messages = [...messages, ...conversation.messages.filter((message) => message.turn === undefined)];
      conversation.firstTurn = from;
      const answer = messages.at(-1);
      if (this.isRunning(conversation) || answer?.turn === undefined) return this.events.messagesChanged(conversation);
      const traced = await this.sessions.turn(conversation.id, answer.turn);
      answer.trace = traced.trace;
      this.events.messagesChanged(conversation);
      const { runId } = traced;
      if (answer.state !== "streaming" || runId === undefined) return;
      answer.content = "";
      answer.reasoning = "";
      answer.calls = [];
      const end = await this.run(conversation, answer, { path: "", body: {}, answerId: runId, isResumed: true });
      // What the edge has is the whole of it, should it be kept no longer.
      if (end === "failed") await this.load(conversation);
    });
  }

  /** Has the last question of a conversation answered: as a new turn, unless the edge has it already. */
  private async ask(conversation: Conversation, model: string): Promise<void> {
    const question = conversation.messages.at(-1);
    const answer: ChatMessage = {
      role: "assistant",
      content: "",
      reasoning: "",
      state: "streaming",
      turn: question?.turn,
    };
    conversation.messages.push(answer);
    conversation.updatedAt = Date.now();
    this.running.set(conversation, new AbortController());
    this.events.listChanged();
    this.events.messagesChanged(conversation);
    if (!(await this.begin(conversation, answer))) return;
    const isKnown = question?.turn !== undefined;
    const path = `/api/sessions/${conversation.id}/${isKnown ? "regenerate" : "turns"}`;
    // On this page, a model may use what its person has switched on, unless the conversation says otherwise.
    const plugins = conversation.settings.plugins === undefined ? { plugins: "*" } : {};
    const body = { model, ...plugins, ...(isKnown ? {} : { content: question?.content ?? "" }) };
    const onTurn = (index: number): void => {
      answer.turn = index;
      if (question !== undefined) question.turn = index;
      conversation.turnCount = index + 1;
      this.events.told();
    };
    await this.run(conversation, answer, { path, body, answerId: newAnswerId(), onTurn });
    await this.trace(answer, conversation);
    this.events.messagesChanged(conversation);
  }

  /** Has the edge know of a conversation that is new. */
  private async begin(conversation: Conversation, answer: ChatMessage): Promise<boolean> {
    if (conversation.id !== "") return true;
    try {
      const { id } = await this.sessions.create(conversation.settings);
      conversation.id = id;
      this.events.messagesChanged(conversation);
      return true;
    } catch (error) {
      const { code, message } = error instanceof AnswerError ? error : new AnswerError("network", String(error));
      Object.assign(answer, { state: "failed", error: { code, message } });
      this.ended(conversation, answer);
      return false;
    }
  }

  private async run(
    conversation: Conversation,
    answer: ChatMessage,
    asked: { path: string; body: object; answerId: string; isResumed?: boolean; onTurn?: (index: number) => void },
  ): Promise<ChatMessage["state"]> {
    const abort = this.running.get(conversation) ?? new AbortController();
    this.running.set(conversation, abort);
    this.events.messagesChanged(conversation);
    const onText = (): void => this.events.textGrew(conversation, answer);
    await generateAnswer({ ...asked, answer, onText, signal: abort.signal });
    this.ended(conversation, answer);
    return answer.state;
  }

  private ended(conversation: Conversation, answer: ChatMessage): void {
    this.running.delete(conversation);
    conversation.updatedAt = Date.now();
    this.events.listChanged();
    this.events.messagesChanged(conversation);
    this.events.answerEnded(conversation, answer);
    this.events.told();
  }

  private known(id: string | undefined): Conversation | undefined {
    return this.conversations.find((conversation) => conversation.id === id);
  }

  /** What is known of a conversation, with what the edge says of it now. */
  private merged(known: Conversation | undefined, head: Conversation): Conversation {
    if (known === undefined) return head;
    if (this.isRunning(known)) return known;
    const { title, updatedAt, settings, turnCount } = head;
    return Object.assign(known, { title, updatedAt, settings, turnCount });
  }

  private async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.events.failed(error instanceof AnswerError ? error : new AnswerError("bad_answer", String(error)));
      return undefined;
    }
  }
}

/** Whether the edge has turns of a conversation that this page does not show, or their end. */
function isBehind({ messages, turnCount }: Conversation): boolean {
  const last = messages.at(-1);
  return last?.state === "streaming" || (last?.turn ?? -1) + 1 !== turnCount;
}
