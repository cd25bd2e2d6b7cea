import { handlesOf } from "../../../../shared/api/openai/answer-note.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { generateRequestSchema } from "../../../../shared/inference/request.ts";
import { decodeJson, encodeJson } from "../../../../shared/protocol/json.ts";
import { SESSION_LIMITS } from "../../../../shared/sessions/limits.ts";
import { type ResolvedSettings, resolveSettings, type SessionSettings } from "../../../../shared/sessions/settings.ts";
import type { NewTurn, Turn } from "../../../../shared/sessions/turn.ts";
import type { Caller } from "../../../credentials/key-grant.ts";
import { firstLine } from "../../jobs/queued-request.ts";
import { type Made, madeLater } from "../../made.ts";
import type { MemoryDesk } from "../../memory/desk.ts";
import { rememberedFact } from "../../memory/remembered-fact.ts";
import type { AsidesRequest, TurnAsides } from "../../plugins/asides/asides.ts";
import { LOOP_LIMITS } from "../../plugins/loop/limits.ts";
import type { ToolLoop } from "../../plugins/loop/tool-loop.ts";
import type { EndedRun } from "../../runs/new-run.ts";
import type { SessionConfiguration } from "../configuration.ts";
import { planContext, promptRoom, windowTurns } from "../context/plan.ts";
import { type Retrieval, retrieve } from "../context/retrieval.ts";
import { shorten } from "../context/shorten.ts";
import { type Trace, traceSchema } from "../context/trace.ts";
import type { SessionStore } from "../store.ts";
import { noSuchSession } from "../turn-reader.ts";
import { endOfTurn } from "./answer.ts";
import { asidesRequest, usesOf, withFiles } from "./for-plugins.ts";
import { modelNamed, modelOfTurn, type TurnModel } from "./model-of-turn.ts";
import type { TurnRunner } from "./runner.ts";
import { askedIn, hasStrangers, isByStrangers } from "./strangers.ts";
import { Summarizer } from "./summarizer.ts";
import type { StartedTurn, TurnRequest } from "./turn-request.ts";

/** What the Worker may ask of the desk: see `turnsOf`. */
export const TURN_METHODS = ["start", "turn"] as const;
export type TurnMethod = (typeof TURN_METHODS)[number];

/** Older turns that are looked through for a question: cold ones come from a machine for that. */
const OLDER = { limit: 500, bytes: 4 * 1024 * 1024 };
const TITLE_CHARACTERS = 80;
const NOTHING: Retrieval = { decision: "off", coverage: { older: 0, window: 0 }, pieces: [] };

export interface TurnDeskOptions {
  store: SessionStore;
  memory: MemoryDesk;
  runner: TurnRunner;
  configuration: Pick<SessionConfiguration, "window">;
  /** Absent: models can call nothing. */
  tools?: Pick<ToolLoop, "offer" | "begin" | "trace"> | undefined;
  /** Absent: no plugin is asked beside a turn. */
  asides?: Pick<TurnAsides, "before" | "after"> | undefined;
  now?: () => number;
}

/** Has turns answered by the household's machines and writes them down, whatever becomes of those who asked. */
export class TurnDesk {
  readonly #store: SessionStore;
  readonly #memory: MemoryDesk;
  readonly #runner: TurnRunner;
  readonly #configuration: Pick<SessionConfiguration, "window">;
  readonly #summarizer: Summarizer;
  readonly #tools: TurnDeskOptions["tools"];
  readonly #asides: TurnDeskOptions["asides"];
  /** Of turns that are being answered, for the hooks that are told when they end: those of this life of the object. */
  readonly #afterwards = new Map<string, AsidesRequest>();
  readonly #now: () => number;

  constructor({ store, memory, runner, configuration, tools, asides, now = Date.now }: TurnDeskOptions) {
    this.#store = store;
    this.#memory = memory;
    this.#runner = runner;
    this.#configuration = configuration;
    this.#summarizer = new Summarizer({ store, runner });
    this.#tools = tools;
    this.#asides = asides;
    this.#now = now;
  }

  /**
   * Starts a turn, or another answer to the last. Refused as `not_found`, `session_busy`, `session_full`, `archive_offline`, and as a
   * generation is: then there is no turn.
   */
  async start(asked: TurnRequest): Promise<Made<StartedTurn>> {
    return await madeLater(async () => this.#repeated(asked) ?? (await this.#start(asked)));
  }

  /** A turn with all that is known of it. Refused as `not_found`, `archive_offline`. */
  async turn(sessionId: string, userId: string, index: number): Promise<Made<Turn>> {
    return await madeLater(async () => {
      if (this.#store.get(sessionId, userId) === undefined) throw noSuchSession();
      const [turn] = await this.#store.turns(sessionId, index, index + 1);
      if (turn === undefined) throw new PorchlightError("not_found", "This conversation has no turn of that index.");
      return turn;
    });
  }

  /** Turns that an earlier life of the object left behind, and that nobody answers, end. Call it once runs are taken up again. */
  recover(): void {
    for (const { sessionId, index } of this.#store.answering()) {
      const turn = this.#hot(sessionId, index);
      const asked = turn?.messages[0];
      if (asked === undefined || (turn?.runId !== undefined && this.#runner.has(turn.runId))) continue;
      const error = new PorchlightError("edge_restarting").toWire();
      this.#store.finishTurn(sessionId, index, { messages: [asked], state: "failed", error });
    }
  }

  /** A run for a conversation has come to its end; in the step that writes it down. */
  ended(run: EndedRun): void {
    if (run.owner === "summary") return this.#behind(this.#summarizer.ended(run));
    const told = this.#afterwards.get(run.id);
    this.#afterwards.delete(run.id);
    const place = this.#store.turnOfRun(run.id);
    const asked = place && this.#hot(place.sessionId, place.index)?.messages[0];
    if (place === undefined || asked === undefined) return; // The conversation was deleted.
    const trace = this.#endTrace(run, this.#hot(place.sessionId, place.index)?.trace);
    const end = { ...endOfTurn(asked, run.outcome), runId: run.id, ...(trace === undefined ? {} : { trace }) };
    const turn = this.#store.finishTurn(place.sessionId, place.index, end);
    if (turn !== undefined) this.#summarize(place.sessionId, turn, run.caller);
    if (told === undefined || turn?.state !== "complete") return;
    const answer = turn.messages.findLast(({ role }) => role === "assistant")?.content ?? "";
    void this.#asides?.after(told, { answer, model: turn.model });
  }

  /** The request of a turn with less in it: its machine found it too long. */
  shorter({ id, body }: { id: string; body: Uint8Array }): Uint8Array | undefined {
    const place = this.#store.turnOfRun(id);
    const trace = traceSchema.safeParse(place && this.#hot(place.sessionId, place.index)?.trace);
    if (place === undefined || !trace.success) return undefined;
    const less = shorten(decodeJson(body, generateRequestSchema), trace.data);
    if (less === undefined) return undefined;
    this.#store.noteTrace(place.sessionId, place.index, less.trace);
    return encodeJson(less.request);
  }

  /** A conversation is about to be deleted: whatever answers it stops. */
  sessionGone(sessionId: string): void {
    for (const place of this.#store.answering()) {
      const runId = place.sessionId === sessionId ? this.#hot(sessionId, place.index)?.runId : undefined;
      if (runId !== undefined) this.#runner.stop(runId);
    }
  }

  /** Of a client that lost the reply to its request, and asks again. */
  #repeated({ id, sessionId, userId }: TurnRequest): StartedTurn | undefined {
    const place = this.#store.turnOfRun(id);
    if (place === undefined) return undefined;
    const turn = this.#hot(place.sessionId, place.index);
    const isIts = place.sessionId === sessionId && this.#store.get(sessionId, userId) !== undefined;
    if (turn === undefined || !isIts) throw new PorchlightError("invalid_request", "This id is another answer's.");
    return { id, index: turn.index, created: secondsOf(turn), model: turn.model, headers: [] };
  }

  async #start(asked: TurnRequest): Promise<StartedTurn> {
    const { sessionId, userId, content } = asked;
    const session = this.#requireIdle(sessionId, userId);
    const index = content === undefined ? session.turnCount - 1 : session.turnCount;
    if (index < 0) throw new PorchlightError("not_found", "This conversation has no turn yet.");
    const last = await this.#store.turns(sessionId, session.turnCount - 1, session.turnCount);
    if (content === undefined) await this.#thaw(sessionId, last[0]);
    const question = content ?? last[0]?.messages[0]?.content ?? "";
    const { settings, isChosen } = this.#settingsOf(asked, session.settings);
    const { model: chosen } = settings;
    const choice = { chosen, former: last[0]?.model, allowed: asked.models };
    const model = modelOfTurn(this.#runner.models(), choice);
    const turns = windowTurns(settings.window, isChosen, model.contextLength, SESSION_LIMITS.windowTurns);
    const recent = await this.#store.turns(sessionId, index - turns, index);
    const older = settings.retrieval === "off" ? [] : await this.#store.turnsBefore(sessionId, index, OLDER);
    const byStrangers = asked.fromStrangers ?? (content === undefined && isByStrangers(last[0]));
    const asides = await this.#asides?.before(asidesRequest(asked, { question, index, settings }), {
      knowledge: settings.knowledge === "on",
      contextLength: model.contextLength,
    });
    // Another request may have been quicker.
    if (this.#requireIdle(sessionId, userId).turnCount !== session.turnCount) throw new PorchlightError("session_busy");
    const window = { set: settings.window, turns };
    // What strangers wrote stays in a conversation: it is in what was answered since, too.
    const tainted = byStrangers || asides?.tainted === true || [...older, ...recent].some(hasStrangers);
    const offer = this.#tools?.offer({
      userId,
      payer: { caller: asked.caller, models: asked.models, priority: asked.priority },
      ...(asked.asker === undefined ? {} : { caller: asked.asker }),
      uses: usesOf(settings, asked.files),
      most: settings.toolRounds ?? LOOP_LIMITS.rounds,
      question,
      contextLength: model.contextLength,
      tainted,
      own: [...recent.flatMap(askedIn), ...(byStrangers ? [] : [question])],
      sources: asides?.sources ?? 0,
      place: { sessionId, index },
    });
    const { messages, trace: planned } = this.#plan({
      userId,
      sessionId,
      question,
      aside: asides?.text ?? "",
      index,
      recent,
      older,
      window,
      settings: { ...settings, ...withFiles(settings.instructions, offer === undefined ? [] : asked.files) },
      model: { ...model, contextLength: model.contextLength - (offer?.tokens ?? 0) },
    });
    const trace = {
      ...planned,
      contextLength: model.contextLength,
      ...(tainted ? { tainted } : {}),
      ...(byStrangers ? { fromStrangers: true } : {}),
      ...(asides === undefined || asides.trace.length === 0 ? {} : { asides: asides.trace }),
    };
    const createdAtMs = this.#now();
    const started = { id: asked.id, index, created: Math.floor(createdAtMs / 1000), model: model.name };
    const { maxTokens, temperature } = settings;
    const { options, caller, priority } = asked;
    const sampling = { ...options.sampling, ...(temperature === undefined ? {} : { temperature }) };
    const request = {
      ...options,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      sampling,
      model: model.name,
      messages,
      ...(offer === undefined ? {} : { tools: offer.tools }),
    };
    const [handle] = handlesOf(started, { includeUsage: asked.includeUsage, choices: 1, kept: true });
    const note = handle?.note ?? "";
    // From here on one step: there is no turn without its run, and no run without its turn.
    const run = { id: asked.id, owner: "turn" as const, caller, priority, note, request };
    const onStarted = (): void => {
      if (offer !== undefined) this.#tools?.begin(asked.id, offer);
    };
    const headers = this.#runner.start(offer === undefined ? run : { ...run, rounds: offer.rounds, onStarted });
    this.#afterwards.set(asked.id, asidesRequest(asked, { question, index, settings }));
    const turn: NewTurn = {
      createdAtMs,
      messages: [{ role: "user", content: question }],
      model: model.name,
      state: "answering",
      runId: asked.id,
      trace,
    };
    try {
      if (content === undefined) await this.#store.replaceLast(sessionId, turn);
      else this.#store.addTurn(sessionId, turn);
    } catch (error) {
      this.#runner.stop(asked.id);
      throw error;
    }
    if (content !== undefined && settings.memory === "on") this.#memory.remember(userId, content, { sessionId, index });
    if (session.title === "" && index === 0) {
      this.#store.change(sessionId, userId, { title: firstLine(question, TITLE_CHARACTERS) });
    }
    return { ...started, headers };
  }

  #plan(of: {
    userId: string;
    sessionId: string;
    question: string;
    /** What goes before it for this answer alone. */
    aside: string;
    index: number;
    recent: Turn[];
    /** Those that may be looked through. */
    older: Turn[];
    window: { set: number; turns: number };
    settings: ResolvedSettings;
    model: TurnModel;
  }): ReturnType<typeof planContext> {
    const { userId, sessionId, question, aside, index, recent, older, window, settings, model } = of;
    const { contextLength } = model;
    const { maxTokens, instructions = "" } = settings;
    const isOn = settings.memory === "on";
    // About a quarter of the room, at three characters a token.
    const maxCharacters = Math.floor((promptRoom(contextLength, maxTokens) * 3) / 4);
    const facts = isOn ? this.#memory.memoryText(userId, { about: question, maxCharacters }) : "";
    const remembered = isOn ? rememberedFact(question) : undefined;
    const known = settings.summary === "off" ? undefined : this.#store.find(sessionId)?.summary;
    const asked = `${aside}${question}`;
    const base = { question: asked, recent, index, window, instructions, facts, remembered, contextLength, maxTokens };
    const bare = planContext({ ...base, retrieval: NOTHING, summary: undefined });
    const { from } = bare.trace.window;
    // What goes along word for word need not be told in short: only a summary of what was before that is of use.
    const summary = known !== undefined && known.upTo > 0 && from > 0 ? known : undefined;
    if (settings.retrieval === "off" || from === 0) return planContext({ ...base, retrieval: NOTHING, summary });
    const left = older.filter((turn) => turn.index < from);
    const shown = recent.filter((turn) => turn.index >= from);
    return planContext({ ...base, retrieval: retrieve(question, left, shown), summary });
  }

  /** The trace of a turn with what its tools did. */
  #endTrace({ id, outcome }: EndedRun, trace: Turn["trace"]): Turn["trace"] {
    const did = this.#tools?.trace(id, "events" in outcome ? outcome.events : outcome.partial);
    if (did === undefined) return undefined;
    return { ...trace, tools: did.tools, ...(did.tainted ? { tainted: true } : {}) };
  }

  /** Request, session, person, then the edge's configuration. */
  #settingsOf(
    { settings, userId }: TurnRequest,
    ofSession: SessionSettings,
  ): { settings: ResolvedSettings; isChosen: boolean } {
    const levels = [settings, ofSession, this.#store.settingsOf(userId)];
    const isChosen = levels.some(({ window }) => window !== undefined);
    return { settings: resolveSettings([...levels, { window: this.#configuration.window }]), isChosen };
  }

  #requireIdle(sessionId: string, userId: string) {
    const session = this.#store.get(sessionId, userId);
    if (session === undefined) throw noSuchSession();
    const isBusy = this.#store.answering().some((place) => place.sessionId === sessionId);
    if (isBusy) throw new PorchlightError("session_busy");
    return session;
  }

  /** Brings a turn back that is to be replaced in one step. */
  async #thaw(sessionId: string, turn: Turn | undefined): Promise<void> {
    if (turn === undefined || this.#hot(sessionId, turn.index) !== undefined) return;
    const { index: _index, ...same } = turn;
    await this.#store.replaceLast(sessionId, same);
  }

  #summarize(sessionId: string, turn: Turn, caller: Caller): void {
    const session = this.#store.find(sessionId);
    if (session === undefined) return;
    const levels = [session.settings, this.#store.settingsOf(session.userId)];
    const settings = resolveSettings([...levels, { window: this.#configuration.window }]);
    if (settings.summary === "off") return;
    const model = modelNamed(this.#runner.models(), turn.model);
    const isChosen = levels.some(({ window }) => window !== undefined);
    const turns = windowTurns(settings.window, isChosen, model.contextLength, SESSION_LIMITS.windowTurns);
    const trace: Trace | undefined = traceSchema.safeParse(turn.trace).data;
    const withoutRoom = trace !== undefined && trace.window.withoutRoom > 0 ? trace.window.from : 0;
    this.#behind(this.#summarizer.follow(sessionId, Math.max(session.turnCount - turns, withoutRoom), model, caller));
  }

  /** It goes on behind this. A summary that fails is made with the next turn. */
  #behind(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof PorchlightError)) console.error("A conversation's summary failed:", error);
    });
  }

  #hot(sessionId: string, index: number): Turn | undefined {
    return this.#store.hotTurns(sessionId, index + 1, 1)[0];
  }
}

function secondsOf({ createdAtMs }: Turn): number {
  return Math.floor(createdAtMs / 1000);
}
