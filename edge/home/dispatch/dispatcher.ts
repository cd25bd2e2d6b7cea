import type { ErrorCode } from "../../../shared/errors.ts";
import type { Health, StatusMessage } from "../../../shared/protocol/messages.ts";
import { Affinity } from "./affinity.ts";
import { Book, type Placed } from "./book.ts";
import { type AgentView, capableOf, type Needs } from "./candidates.ts";
import { slowdown } from "./expected-time.ts";
import type { PrefixKey } from "./prefix-keys.ts";
import { type Ranked, rank } from "./rank.ts";
import { SpeedTable } from "./speed-table.ts";
import { Suspicion } from "./suspicion.ts";

/** What to expect of an answer before there was any. */
const ANSWER_TOKENS = 200;
const ANSWER_ALPHA = 0.1;
/** Fewer tokens than this are too few to time. */
const TIMED_TOKENS = 8;
const TIMED_PROMPT_TOKENS = 32;

/** What was learned is written down this long after, much at once: every answer of the object waits for its writes, and its hibernation for timers. */
const FLUSH_MS = 100;

/** A request, as far as the choice of a machine goes. */
export interface Demand extends Needs {
  /** The beginnings of its prompt, short ones first; empty: none is known. */
  prefix: readonly PrefixKey[];
}

/** How a request ended on a machine. */
export interface Outcome {
  /** The error that ended it; absent: it came to its end. */
  failure?: ErrorCode | undefined;
  usage?: { promptTokens: number; completionTokens: number; cachedTokens: number } | undefined;
  /** When the first piece of the answer came. */
  firstMs?: number | undefined;
}

/** A request's place on a machine: end it once. */
export interface Placement {
  readonly agentId: string;
  /** Does nothing the second time. Returns whether the machine must be tried before it gets more work. */
  end(outcome: Outcome): boolean;
}

/**
 * Chooses among a household's machines, and keeps the books that the choice rests on: what each is at, how fast it has been, what it
 * has computed before, whether it fails. Knows no sockets.
 */
export class Dispatcher {
  readonly #book = new Book();
  readonly #affinity: Affinity;
  readonly #speeds: SpeedTable;
  readonly #suspicion = new Suspicion();
  readonly #now: () => number;
  #answerTokens = ANSWER_TOKENS;
  #isFlushing = false;

  constructor(sql: SqlStorage, now: () => number = Date.now) {
    this.#affinity = new Affinity(sql);
    this.#speeds = new SpeedTable(sql);
    this.#now = now;
  }

  /** The machines that can take a request, the one that would be done first in front; never empty. Throws as `capableOf` does. */
  choose(demand: Demand, agents: readonly AgentView[]): Ranked[] {
    const { task, model, bodyBytes, maxTokens, prefix } = demand;
    const now = this.#now();
    const cached = this.#affinity.match(prefix, now);
    const answerTokens = task === "embed" ? 0 : Math.min(maxTokens ?? Number.POSITIVE_INFINITY, this.#answerTokens);
    const promptCharacters = prefix.at(-1)?.characters ?? bodyBytes;
    return rank(capableOf(demand, agents), { promptCharacters, answerTokens }, (agentId) => {
      const remainingMs = this.#book.remainingMs(agentId, model, now);
      return {
        cachedCharacters: cached.get(agentId) ?? 0,
        remainingMs,
        others: this.#book.count(agentId) - remainingMs.length,
        times: (prior) => this.#speeds.of(agentId, model, prior, now),
      };
    });
  }

  /** A machine of `choose` has taken the request. `onFree`: it has room again. */
  place({ agent, model, expectedMs, beside, slots }: Ranked, demand: Demand, onFree?: () => void): Placement {
    const startedAtMs = this.#now();
    const placed: Placed = { agentId: agent.id, model: model.name, startedAtMs, expectedMs };
    this.#book.add(placed);
    this.#affinity.note(demand.prefix, agent.id, startedAtMs);
    this.#flushLater();
    let ended = false;
    return {
      agentId: agent.id,
      end: (outcome) => {
        if (ended) return false;
        ended = true;
        this.#book.remove(placed);
        onFree?.();
        // Beside whom it ran has changed meanwhile: the mean of both ends is close enough.
        const besideAtEnd = Math.min(this.#book.count(agent.id), Math.max(0, slots - 1));
        const slowed = slowdown((beside + besideAtEnd) / 2, Math.max(slots, beside + 1));
        this.#learn(placed, outcome, { slowed, waited: !model.loaded || beside > 0 });
        return this.#suspicion.ended(agent.id, outcome.failure, agent.status.health, this.#now());
      },
    };
  }

  /** Whether a machine may get work, by its trials and by how requests went. */
  isHealthy(agentId: string, health: Health | undefined): boolean {
    return this.#suspicion.isHealthy(agentId, health, this.#now());
  }

  /** A machine says something else of itself than before. */
  statusChanged(agentId: string, before: StatusMessage | undefined, after: StatusMessage): void {
    const isLoaded = new Set(after.models.filter(({ loaded }) => loaded).map(({ name }) => name));
    // What a model had computed goes with its process.
    if (before?.models.some(({ name, loaded }) => loaded && !isLoaded.has(name))) this.#affinity.forget(agentId);
  }

  /** A machine was revoked. */
  forget(agentId: string): void {
    this.#affinity.forget(agentId);
    this.#speeds.forget(agentId);
    this.#suspicion.forget(agentId);
  }

  /** Writes down what was learned. */
  flush(): void {
    this.#affinity.flush();
    this.#speeds.flush();
  }

  /** Takes speeds from an answer. @param how what slowed it, and whether it may have waited before it began */
  #learn(
    { agentId, model, startedAtMs }: Placed,
    { usage, firstMs, failure }: Outcome,
    how: { slowed: number; waited: boolean },
  ): void {
    if (usage === undefined || failure !== undefined) return;
    const now = this.#now();
    const { promptTokens, completionTokens, cachedTokens } = usage;
    this.#answerTokens += ANSWER_ALPHA * (completionTokens - this.#answerTokens);
    // An answer that went on here from another machine tells nothing of this one.
    if (firstMs === undefined || firstMs < startedAtMs) return;
    const computed = promptTokens - cachedTokens;
    const perToken = (ms: number, tokens: number) => Math.max(1e-3, ms / tokens / how.slowed);
    const answerMs = completionTokens < TIMED_TOKENS ? undefined : perToken(now - firstMs, completionTokens - 1);
    const promptMs =
      how.waited || computed < TIMED_PROMPT_TOKENS ? undefined : perToken(firstMs - startedAtMs, computed);
    this.#speeds.note(agentId, model, { promptMs, answerMs }, now);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setTimeout(() => {
      this.#isFlushing = false;
      this.flush();
    }, FLUSH_MS);
  }
}
