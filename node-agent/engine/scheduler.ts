import { setImmediate as nextTurn } from "node:timers/promises";
import { PorchlightError } from "../../shared/errors.ts";
import { Admission } from "./admission.ts";
import { ChunkSize } from "./chunk-size.ts";
import type { Decoder } from "./decoder.ts";
import { DraftLength } from "./draft-length.ts";
import type { KvDisk } from "./kv-disk.ts";
import { KvMemory } from "./kv-memory.ts";
import { RunningSet } from "./running-set.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";
import { createSequence, isGone, type Sequence, type SequenceSpec } from "./sequence.ts";
import { type Step, Steps } from "./steps.ts";
import { WaitingQueue } from "./waiting-queue.ts";

export interface SchedulerOptions {
  /** Prompt tokens of one step; by default as many as keep others from waiting long, by what earlier steps took. */
  prefillTokens?: number | undefined;
  /** Tokens to guess at a time; by default as many as pay, by what they cost and how many were right. 0 turns it off. */
  draftTokens?: number | undefined;
  /** Sequences that may wait for a slot before new ones are refused. */
  maxWaiting?: number | undefined;
  /** Memory for keys and values, of running sequences and of prefixes kept for later. */
  kvBytes?: number | undefined;
  /** Keeps prefixes that memory has no room for. */
  kvDisk?: KvDisk | undefined;
}

const RETRY_AFTER_MS = 2_000;
const DEFAULT_KV_BYTES = 1024 ** 3;

/**
 * Shares one decoder between sequences. They join and leave between steps; a step is schedule, run, settle. Decoding sequences
 * hold slots [0, n); others are prefilling in slots behind them, a chunk at a time in turn with decode steps.
 * The scheduler is the one writer of sequence state and the only caller of the decoder.
 */
export class Scheduler {
  readonly #decoder: Decoder;
  readonly #memory: KvMemory;
  readonly #prefillTokens: number | undefined;
  readonly #draftTokens: number | undefined;
  readonly #maxWaiting: number;
  readonly #chunks = new ChunkSize();
  readonly #drafts = new DraftLength();
  readonly #steps: Steps;
  readonly #waiting = new WaitingQueue();
  readonly #running: RunningSet;
  readonly #admission: Admission;
  #submitted = 0;
  #lastKind: Step["kind"] = "decode";
  #isInStep = false;
  #wantsReclaim = false;
  #loop: Promise<void> | null = null;

  constructor(decoder: Decoder, options: SchedulerOptions = {}) {
    this.#decoder = decoder;
    this.#memory = new KvMemory(decoder, options.kvBytes ?? DEFAULT_KV_BYTES, options.kvDisk);
    this.#running = new RunningSet(this.#memory, decoder.slots);
    const [memory, running] = [this.#memory, this.#running];
    this.#admission = new Admission({ decoder, memory, running, waiting: this.#waiting });
    this.#steps = new Steps({
      decoder,
      memory,
      running,
      drafts: this.#drafts,
      charge: (sequence, tokens) => this.#waiting.charge(sequence, tokens),
    });
    this.#prefillTokens = options.prefillTokens;
    this.#draftTokens = options.draftTokens;
    this.#maxWaiting = options.maxWaiting ?? 256;
  }

  /**
   * Queues a sequence. Throws `context_length_exceeded` when the prompt leaves no room for an answer, `overloaded` when too many wait.
   * `cancel` frees the slot before the next step; the listener hears nothing after it.
   */
  submit(spec: SequenceSpec): { cancel: () => void } {
    const { contextLength } = this.#decoder;
    if (spec.prompt.length === 0) throw new PorchlightError("invalid_request", "The prompt is empty. Send a message.");
    if (spec.prompt.length >= contextLength) {
      throw new PorchlightError(
        "context_length_exceeded",
        `The prompt is ${spec.prompt.length} tokens long, and this model takes ${contextLength} tokens of prompt and answer together. ` +
          "Shorten the conversation or choose a model with a longer context.",
        { param: "messages" },
      );
    }
    if (this.#waiting.size >= this.#maxWaiting) {
      throw new PorchlightError("overloaded", undefined, { retryAfterMs: RETRY_AFTER_MS });
    }
    const sequence = createSequence(spec, this.#decoder, this.#submitted++);
    this.#waiting.push(sequence);
    this.#restore(sequence);
    this.#loop ??= this.#run();
    return { cancel: () => this.#cancel(sequence) };
  }

  stats(): SchedulerStats {
    const { slotBytes, prefixBytes } = this.#memory;
    return {
      ...this.#steps.counters,
      ...this.#admission.counters,
      slotBytes,
      prefixBytes,
      waiting: this.#waiting.size,
      running: this.#running.all().length,
      slots: this.#decoder.slots,
    };
  }

  /** Gives back the memory that no running sequence needs. */
  reclaim(): void {
    if (this.#isInStep) this.#wantsReclaim = true;
    else this.#memory.reclaim(this.#running.all());
  }

  /** Throws if memory, slots and sequences contradict each other; when idle, also on any leak. */
  checkIntegrity(): void {
    this.#running.checkIntegrity();
    this.#memory.checkIntegrity(this.#running.all().length === 0);
  }

  /** Ends every sequence with `error`; resolves when the decoder is idle and what may be kept is on the disk. */
  async stop(error: PorchlightError): Promise<void> {
    for (const sequence of [...this.#running.all(), ...this.#waiting]) {
      if (isGone(sequence)) continue;
      this.#cancel(sequence);
      sequence.spec.listener.onError(error);
    }
    await this.#loop;
    await this.#memory.persist();
  }

  /** Lets a sequence wait while its prefix comes from the disk. */
  #restore(sequence: Sequence): void {
    const restored = this.#memory.restore(sequence, this.#chunks.msPerToken);
    if (restored === undefined) return;
    sequence.isRestoring = true;
    void restored
      .catch(() => {}) // what cannot be read is computed
      .finally(() => {
        sequence.isRestoring = false;
        this.#loop ??= this.#run();
      });
  }

  #cancel(sequence: Sequence): void {
    sequence.isCancelled = true;
    if (!this.#isInStep) this.#admission.sweep();
  }

  /** One turn of the event loop between steps lets cancellations and new requests in. */
  async #run(): Promise<void> {
    await nextTurn();
    for (let step = this.#schedule(); step !== null; step = this.#schedule()) {
      this.#isInStep = true;
      const started = performance.now();
      try {
        this.#lastKind = step.kind;
        const tokens = await this.#steps.run(step);
        if (step.kind === "prefill") this.#chunks.measured(tokens, performance.now() - started);
        else if (step.sequences.length === 1) this.#drafts.measured(tokens, performance.now() - started);
      } catch (cause) {
        this.#fail(step, cause);
      }
      this.#isInStep = false;
      this.#admission.sweep();
      if (this.#wantsReclaim) this.#memory.reclaim(this.#running.all());
      this.#wantsReclaim = false;
      await nextTurn();
    }
    this.#loop = null;
  }

  #schedule(): Step | null {
    this.#admission.outgrow();
    this.#admission.admit();
    for (let step = this.#next(); step !== null; step = this.#next()) {
      if (this.#memory.makeRoom(step.sequences, step.most, this.#running.all())) return step;
      this.#admission.preempt();
    }
    return null;
  }

  #next(): Step | null {
    const { decoding } = this.#running;
    const isPrefillsTurn = this.#lastKind !== "prefill" || decoding.length === 0;
    const prefilling = isPrefillsTurn ? this.#running.nextPrefill() : undefined;
    if (prefilling !== undefined) {
      const most = this.#prefillTokens ?? this.#chunks.choose(decoding.length > 0);
      const left = prefilling.tokens.length - prefilling.stored;
      return { kind: "prefill", sequences: [prefilling], most: Math.min(most, left) };
    }
    const [first, second] = decoding;
    if (first === undefined) return null;
    const drafted = second === undefined ? this.#draftLength(first) : 0;
    if (drafted > 0) return { kind: "verify", sequences: [first], most: drafted + 1 };
    return { kind: "decode", sequences: [...decoding], most: 1 };
  }

  /** Tokens to guess for a sequence that decodes alone: in a batch a step's cost is shared already. */
  #draftLength(sequence: Sequence): number {
    const { drafter, prompt } = sequence.spec;
    if (drafter === undefined) return 0;
    const { tokens, maxTokens, stage } = sequence;
    const left = maxTokens - (tokens.length - prompt.length) - 1;
    const room = Math.min(left, (this.#decoder.stages?.[stage] ?? Number.POSITIVE_INFINITY) - tokens.length);
    return Math.min(room, this.#draftTokens ?? this.#drafts.choose(sequence.drafts));
  }

  /** A step threw: its sequences end with an error, what their slots hold is unknown, and the engine goes on. */
  #fail(step: Step, cause: unknown): void {
    const error = PorchlightError.from(cause);
    for (const sequence of step.sequences) {
      sequence.stored = 0;
      if (isGone(sequence)) continue;
      sequence.phase = "ended";
      sequence.spec.listener.onError(error);
    }
  }
}
