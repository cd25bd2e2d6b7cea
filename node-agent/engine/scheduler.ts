import { setImmediate as nextTurn } from "node:timers/promises";
import { PorchlightError } from "../../shared/errors.ts";
import type { Decoder } from "./decoder.ts";
import { createKvSlots, type KvSlots } from "./kv-slots.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";
import { createSequence, type Sequence, type SequenceSpec } from "./sequence.ts";

export interface SchedulerOptions {
  /** Prompt tokens of one step: running sequences wait no longer than this takes. */
  prefillTokens?: number;
  /** Sequences that may wait for a slot before new ones are refused. */
  maxWaiting?: number;
}

type Step = { kind: "prefill"; sequences: [Sequence] } | { kind: "decode"; sequences: Sequence[] };

const RETRY_AFTER_MS = 2_000;

/**
 * Shares one decoder between sequences. They join and leave between steps; a step is schedule, run, settle. Decoding sequences
 * hold slots [0, n); one more may be prefilling in a slot behind them, a chunk at a time in turn with decode steps.
 * The scheduler is the one writer of sequence state and the only caller of the decoder.
 */
export class Scheduler {
  readonly #decoder: Decoder;
  readonly #slots: KvSlots;
  readonly #prefillTokens: number;
  readonly #maxWaiting: number;
  #waiting: Sequence[] = [];
  #prefilling: Sequence | null = null;
  /** Index is slot. */
  readonly #decoding: Sequence[] = [];
  #lastStep: Step["kind"] = "decode";
  #isInStep = false;
  #loop: Promise<void> | null = null;
  readonly #counters = {
    prefillSteps: 0,
    prefillTokens: 0,
    cachedTokens: 0,
    decodeSteps: 0,
    decodeTokens: 0,
    largestBatch: 0,
  };

  constructor(decoder: Decoder, options: SchedulerOptions = {}) {
    this.#decoder = decoder;
    this.#slots = createKvSlots(decoder);
    this.#prefillTokens = options.prefillTokens ?? 256;
    this.#maxWaiting = options.maxWaiting ?? 256;
  }

  /**
   * Queues a sequence, first come first served. Throws `context_length_exceeded` when the prompt leaves no room for an answer,
   * `overloaded` when too many wait. `cancel` frees the slot before the next step; the listener hears nothing after it.
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
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new PorchlightError("overloaded", undefined, { retryAfterMs: RETRY_AFTER_MS });
    }
    const sequence = createSequence(spec, contextLength);
    this.#waiting.push(sequence);
    this.#loop ??= this.#run();
    return { cancel: () => this.#cancel(sequence) };
  }

  stats(): SchedulerStats {
    return {
      ...this.#counters,
      waiting: this.#waiting.length,
      running: this.#decoding.length + (this.#prefilling === null ? 0 : 1),
      slots: this.#decoder.slots,
    };
  }

  /** Ends every sequence with `error`; resolves when the decoder is idle. */
  async stop(error: PorchlightError): Promise<void> {
    for (const sequence of this.#live()) {
      this.#cancel(sequence);
      sequence.spec.listener.onError(error);
    }
    await this.#loop;
  }

  #live(): Sequence[] {
    const running = this.#prefilling === null ? this.#decoding : [...this.#decoding, this.#prefilling];
    return [...running, ...this.#waiting].filter((sequence) => !isGone(sequence));
  }

  #cancel(sequence: Sequence): void {
    sequence.isCancelled = true;
    if (!this.#isInStep) this.#sweep();
  }

  /** One turn of the event loop between steps lets cancellations and new requests in. */
  async #run(): Promise<void> {
    await nextTurn();
    for (let step = this.#schedule(); step !== null; step = this.#schedule()) {
      this.#isInStep = true;
      try {
        if (step.kind === "prefill") await this.#prefill(step.sequences[0]);
        else await this.#decode(step.sequences);
      } catch (cause) {
        this.#fail(step, cause);
      }
      this.#isInStep = false;
      this.#sweep();
      await nextTurn();
    }
    this.#loop = null;
  }

  #schedule(): Step | null {
    if (this.#prefilling === null && this.#decoding.length < this.#decoder.slots) this.#admit();
    const prefilling = this.#prefilling;
    const isPrefillsTurn = this.#lastStep === "decode" || this.#decoding.length === 0;
    if (prefilling !== null && isPrefillsTurn) {
      this.#lastStep = "prefill";
      return { kind: "prefill", sequences: [prefilling] };
    }
    this.#lastStep = "decode";
    return this.#decoding.length === 0 ? null : { kind: "decode", sequences: [...this.#decoding] };
  }

  #admit(): void {
    const sequence = this.#waiting.shift();
    if (sequence === undefined) return;
    const { slot, length } = this.#slots.findPrefix(sequence.tokens, this.#decoding.length);
    // The last token is always computed: its logits choose the first token of the answer.
    sequence.cachedTokens = Math.min(length, sequence.tokens.length - 1);
    sequence.stored = sequence.cachedTokens;
    sequence.slot = slot;
    sequence.phase = "prefilling";
    this.#counters.cachedTokens += sequence.cachedTokens;
    this.#prefilling = sequence;
  }

  async #prefill(sequence: Sequence): Promise<void> {
    const total = sequence.tokens.length;
    const chunk = sequence.tokens.slice(sequence.stored, sequence.stored + this.#prefillTokens);
    const logits = await this.#decoder.prefill(sequence.slot, chunk, sequence.stored);
    sequence.stored += chunk.length;
    this.#counters.prefillSteps++;
    this.#counters.prefillTokens += chunk.length;
    if (sequence.isCancelled) return;
    if (!guarded(sequence, () => sequence.spec.listener.onPrefill(sequence.stored, total))) return;
    if (sequence.stored < total) return;
    this.#accept(sequence, logits);
    if (sequence.phase === "ended") return;
    if (sequence.slot !== this.#decoding.length) this.#move(sequence, this.#decoding.length);
    sequence.phase = "decoding";
    this.#decoding.push(sequence);
    this.#prefilling = null;
  }

  async #decode(sequences: readonly Sequence[]): Promise<void> {
    const logits = await this.#decoder.decode(
      sequences.map((sequence) => sequence.tokens[sequence.stored] ?? 0),
      sequences.map((sequence) => sequence.stored),
    );
    const { vocabSize } = this.#decoder;
    this.#counters.decodeSteps++;
    this.#counters.decodeTokens += sequences.length;
    this.#counters.largestBatch = Math.max(this.#counters.largestBatch, sequences.length);
    for (const [row, sequence] of sequences.entries()) {
      sequence.stored++;
      if (!sequence.isCancelled) this.#accept(sequence, logits.subarray(row * vocabSize, (row + 1) * vocabSize));
    }
  }

  /** Chooses the next token and ends the sequence if it is the last. */
  #accept(sequence: Sequence, logits: Float32Array): void {
    const { sampler, listener, stopTokens, prompt } = sequence.spec;
    guarded(sequence, () => {
      const token = sampler.sample(logits);
      sequence.tokens.push(token);
      const completionTokens = sequence.tokens.length - prompt.length;
      const isStop = stopTokens.has(token) || listener.onToken(token);
      if (!isStop && completionTokens < sequence.maxTokens) return;
      sequence.phase = "ended";
      const { cachedTokens } = sequence;
      listener.onFinish({ reason: isStop ? "stop" : "length", completionTokens, cachedTokens });
    });
  }

  /** Takes ended and cancelled sequences out; the last decoding one moves into a gap, so that slots stay [0, n). */
  #sweep(): void {
    this.#waiting = this.#waiting.filter((sequence) => !isGone(sequence));
    if (this.#prefilling !== null && isGone(this.#prefilling)) {
      this.#release(this.#prefilling);
      this.#prefilling = null;
    }
    let slot = this.#decoding.length - 1;
    while (slot >= 0) {
      const sequence = this.#decoding[slot];
      if (sequence === undefined || !isGone(sequence)) {
        slot--;
        continue;
      }
      this.#release(sequence);
      const last = this.#decoding.pop();
      if (last === undefined || last === sequence) continue;
      this.#decoding[slot] = last;
      guarded(last, () => this.#move(last, slot));
    }
  }

  #release(sequence: Sequence): void {
    sequence.phase = "ended";
    this.#slots.keep(sequence.slot, sequence.tokens.slice(0, sequence.stored));
  }

  #move(sequence: Sequence, slot: number): void {
    this.#slots.copy(sequence.slot, slot, sequence.tokens.slice(0, sequence.stored));
    sequence.slot = slot;
  }

  /** A step threw: its sequences end with an error, what their slots hold is unknown, and the engine goes on. */
  #fail(step: Step, cause: unknown): void {
    const error = PorchlightError.from(cause);
    for (const sequence of step.sequences) {
      sequence.stored = 0;
      if (sequence.phase === "ended" || sequence.isCancelled) continue;
      sequence.phase = "ended";
      sequence.spec.listener.onError(error);
    }
  }
}

function isGone(sequence: Sequence): boolean {
  return sequence.isCancelled || sequence.phase === "ended";
}

/** Runs what belongs to one sequence; a throw ends that sequence only. False if it threw. */
function guarded(sequence: Sequence, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (cause) {
    sequence.phase = "ended";
    sequence.spec.listener.onError(PorchlightError.from(cause));
    return false;
  }
}
