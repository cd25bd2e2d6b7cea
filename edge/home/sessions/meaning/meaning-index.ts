import { PorchlightError } from "../../../../shared/errors.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import { turnText } from "../../../../shared/sessions/turn-text.ts";
import type { SessionStore } from "../store.ts";
import type { Transaction } from "../tables.ts";
import { packVector, similarity } from "./vector.ts";
import type { Due, Place, TurnVector, VectorTable } from "./vector-table.ts";

/** Turns that are embedded in one request: a machine that chats waits no longer than for one of them. */
const TURNS_AT_ONCE = 16;
/** Of one turn: more than embedding models read. */
const TEXT_CHARACTERS = 8_000;
/** After a failure. */
const RETRY_MS = 60_000;
/** Of a search, in one go: a few milliseconds. */
const VECTORS_AT_ONCE = 4096;
/** Whoever searches does not wait longer for a machine: then words alone are looked for. */
const QUESTION_MS = 1_500;
/**
 * What is less similar than this is not about the same, whatever stands first: unrelated texts come to 0 to 0.2 with the usual
 * sentence models, and to less than three quarters of what is found where a model finds everything alike.
 */
const LEAST_SIMILARITY = 0.25;
const OF_BEST = 0.75;

/** The household's embedding models. */
export interface Embedder {
  /** Those of all its machines; `online`: one of them could be asked now. */
  models(): { name: string; online: boolean }[];
  /** A vector of length 1 for each text; what is too long of one is cut. Rejects with PorchlightError. */
  embed(
    model: string,
    texts: readonly string[],
    purpose: "query" | "document",
    signal: AbortSignal,
  ): Promise<Float32Array[]>;
}

export interface MeaningHit {
  sessionId: string;
  index: number;
  createdAtMs: number;
  /** Cosine of the angle between question and turn. */
  similarity: number;
}

export interface MeaningIndexOptions {
  vectors: VectorTable;
  store: Pick<SessionStore, "find" | "turns">;
  transaction: Transaction;
  embedder: Embedder;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange?: () => void;
  now?: () => number;
}

/**
 * Knows turns by what they mean, where a household has an embedding model: each turn's text as one vector, made in the background by a
 * machine that is online. A search goes through all vectors of a person: exact, and some milliseconds for every 1,000.
 */
export class MeaningIndex {
  readonly #vectors: VectorTable;
  readonly #store: Pick<SessionStore, "find" | "turns">;
  readonly #transaction: Transaction;
  readonly #embedder: Embedder;
  readonly #onChange: () => void;
  readonly #now: () => number;
  #running: Promise<void> | undefined;
  /** The household's models when they were last looked at, and which of them was chosen. */
  #known: string | undefined;
  #chosen: string | undefined;

  constructor({ vectors, store, transaction, embedder, onChange, now = Date.now }: MeaningIndexOptions) {
    this.#vectors = vectors;
    this.#store = store;
    this.#transaction = transaction;
    this.#embedder = embedder;
    this.#onChange = onChange ?? ((): void => undefined);
    this.#now = now;
  }

  /** Undefined: nothing is due, or nobody is there who could do it. */
  nextAtMs(): number | undefined {
    if (this.#running !== undefined) return this.#now() + RETRY_MS; // For an object that does not live to see its end.
    if (this.#model() === undefined) return undefined;
    const due = this.#vectors.due();
    return due && Math.max(due.atMs, this.#now());
  }

  /** A machine came or went. */
  machinesChanged(): void {
    const known = this.#knownModels();
    if (known === this.#known) return;
    this.#known = known;
    this.#chosen = this.#choose();
    if (this.#chosen !== undefined) this.#vectors.dueForOthersThan(this.#chosen);
    this.#onChange();
  }

  /** Does some of what is due. Never rejects. */
  async tick(): Promise<void> {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      this.#onChange();
    });
    await this.#running;
  }

  /** The person's turns that are most like `text`, the best first. Undefined where no machine can say. */
  async search(userId: string, text: string, limit: number): Promise<MeaningHit[] | undefined> {
    const model = this.#model();
    if (model === undefined) return undefined;
    const question = await this.#embedder
      .embed(model, [text], "query", AbortSignal.timeout(QUESTION_MS))
      .then(([vector]) => vector)
      .catch((error: unknown) => report(error));
    if (question === undefined) return undefined;
    const best: MeaningHit[] = [];
    for await (const page of this.#pages(userId, model)) {
      for (const { sessionId, index, createdAtMs, vector } of page) {
        const hit = { sessionId, index, createdAtMs, similarity: similarity(question, vector) };
        if (hit.similarity < LEAST_SIMILARITY || hit.similarity <= (best[limit - 1]?.similarity ?? 0)) continue;
        const place = best.findIndex((other) => other.similarity < hit.similarity);
        best.splice(place === -1 ? best.length : place, 0, hit);
        best.length = Math.min(best.length, limit);
      }
    }
    const least = (best[0]?.similarity ?? 0) * OF_BEST;
    return best.filter((hit) => hit.similarity >= least);
  }

  /** Page by page, and others are served in between. */
  async *#pages(userId: string, model: string): AsyncGenerator<TurnVector[]> {
    let after: Place = { sessionId: "", index: -1 };
    for (;;) {
      const page = this.#vectors.page(userId, model, after, VECTORS_AT_ONCE);
      yield page;
      const last = page.at(-1);
      if (last === undefined || page.length < VECTORS_AT_ONCE) return;
      after = last;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** The model that sessions are known by, while it can be asked. */
  #model(): string | undefined {
    if (this.#known === undefined) this.machinesChanged();
    const chosen = this.#embedder.models().find(({ name }) => name === this.#chosen);
    return chosen?.online === true ? chosen.name : undefined;
  }

  /** The one that knows most already, even while its machine is away: to begin anew with each laptop that comes and goes would never end. */
  #choose(): string | undefined {
    const names = this.#embedder.models().map(({ name }) => name);
    return this.#vectors.mostUsed(names) ?? names.toSorted()[0];
  }

  #knownModels(): string {
    const models = this.#embedder.models().map(({ name, online }) => `${name} ${online}`);
    return models.toSorted().join("\n");
  }

  async #work(): Promise<void> {
    const model = this.#model();
    const due = this.#vectors.due();
    if (model === undefined || due === undefined || due.atMs > this.#now()) return;
    try {
      await this.#follow(due, model);
    } catch (error) {
      report(error);
      this.#vectors.postpone(due, this.#now() + RETRY_MS);
    }
  }

  /** Embeds the next turns of a session; settles it when there are none left. */
  async #follow(due: Due, model: string): Promise<void> {
    const { sessionId } = due;
    const session = this.#store.find(sessionId);
    if (session === undefined) return this.#vectors.settle(due);
    const from = await this.#begin(sessionId, session.userId, model);
    const turns = await this.#store.turns(sessionId, from, from + TURNS_AT_ONCE);
    const ended = turns.slice(0, endedCount(turns));
    const said = ended.map((turn) => ({ turn, text: turnText(turn).slice(0, TEXT_CHARACTERS) }));
    const spoken = said.filter(({ text }) => text.trim() !== "");
    const texts = spoken.map(({ text }) => text);
    const vectors =
      texts.length === 0 ? [] : await this.#embedder.embed(model, texts, "document", AbortSignal.timeout(RETRY_MS));
    this.#transaction(() => {
      const now = this.#store.find(sessionId);
      if (now === undefined) return;
      for (const [at, { turn }] of spoken.entries()) {
        const vector = vectors[at];
        if (vector === undefined) throw new PorchlightError("answer_unreadable");
        const { index, createdAtMs } = turn;
        this.#vectors.add(now.userId, { sessionId, index, createdAtMs, vector: packVector(vector) });
      }
      const upTo = from + ended.length;
      this.#vectors.setProgress(sessionId, { model, upTo });
      // A turn that is answered says so itself when it has ended.
      if (upTo >= now.turnCount || ended.length < turns.length) this.#vectors.settle(due);
    });
  }

  /** Where to go on in a session: at the last turn again, should it have been replaced, and at the start for another model. */
  async #begin(sessionId: string, userId: string, model: string): Promise<number> {
    const progress = this.#vectors.progress(sessionId);
    if (progress === undefined || progress.model !== model) {
      this.#vectors.cut(userId, sessionId, 0);
      return 0;
    }
    const last = progress.upTo - 1;
    if (last < 0) return 0;
    const [turn] = await this.#store.turns(sessionId, last, last + 1);
    const known = this.#vectors.find(userId, sessionId, last);
    if (known === undefined || known.createdAtMs === turn?.createdAtMs) return progress.upTo;
    this.#vectors.cut(userId, sessionId, last);
    return last;
  }
}

/** Turns from the first on that nobody answers any more. */
function endedCount(turns: readonly Turn[]): number {
  const place = turns.findIndex(({ state }) => state === "answering");
  return place === -1 ? turns.length : place;
}

/** A machine that went away is nothing to report. */
function report(error: unknown): undefined {
  const isTimeout = error instanceof DOMException;
  if (!(error instanceof PorchlightError) && !isTimeout) console.error("conversations could not be embedded:", error);
  return undefined;
}
