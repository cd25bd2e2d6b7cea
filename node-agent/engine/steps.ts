import type { Decoder } from "./decoder.ts";
import type { DraftLength } from "./draft-length.ts";
import type { KvMemory } from "./kv-memory.ts";
import type { RunningSet } from "./running-set.ts";
import { guarded, isGone, type Sequence } from "./sequence.ts";

/** One call of the decoder: each of `sequences` stores `most` more positions. */
export type Step =
  | { kind: "prefill"; sequences: [Sequence]; most: number }
  | { kind: "decode"; sequences: Sequence[]; most: 1 }
  | { kind: "verify"; sequences: [Sequence]; most: number };

/** Prompt tokens that cost as much as one that is generated, when work is counted between callers. */
const PROMPT_TOKENS_PER_TOKEN = 8;

export interface StepContext {
  decoder: Decoder;
  memory: KvMemory;
  running: RunningSet;
  drafts: DraftLength;
  /** Counts work against a sequence's caller. */
  charge: (sequence: Sequence, tokens: number) => void;
}

/** Runs steps: calls the decoder and tells the sequences what came of it. */
export class Steps {
  readonly #decoder: Decoder;
  readonly #memory: KvMemory;
  readonly #running: RunningSet;
  readonly #drafts: DraftLength;
  readonly #charge: StepContext["charge"];
  readonly counters = {
    prefillSteps: 0,
    prefillTokens: 0,
    decodeSteps: 0,
    decodeTokens: 0,
    largestBatch: 0,
    draftedTokens: 0,
    acceptedTokens: 0,
  };

  constructor({ decoder, memory, running, drafts, charge }: StepContext) {
    this.#decoder = decoder;
    this.#memory = memory;
    this.#running = running;
    this.#drafts = drafts;
    this.#charge = charge;
  }

  /** Runs a step, and says how many tokens of each sequence went through the decoder. */
  async run(step: Step): Promise<number> {
    if (step.kind === "prefill") await this.#prefill(step.sequences[0], step.most);
    else if (step.kind === "verify") return await this.#verify(step.sequences[0], step.most - 1);
    else await this.#decode(step.sequences);
    return step.most;
  }

  async #prefill(sequence: Sequence, most: number): Promise<void> {
    const total = sequence.tokens.length;
    // One that was computed again after it had to wait has said all this before.
    const { prompt, begun = [], listener } = sequence.spec;
    const isNew = total === prompt.length + begun.length;
    if (isNew && !guarded(sequence, () => listener.onPrefill(sequence.stored, total))) return;
    const chunk = sequence.tokens.slice(sequence.stored, sequence.stored + most);
    const logits = await this.#decoder.prefill(sequence.slot, chunk, sequence.stored, sequence.stage);
    sequence.stored += chunk.length;
    this.counters.prefillSteps++;
    this.counters.prefillTokens += chunk.length;
    this.#charge(sequence, chunk.length / PROMPT_TOKENS_PER_TOKEN);
    if (sequence.isCancelled) return;
    if (sequence.stored < total) return;
    this.#memory.remember(sequence);
    this.#accept(sequence, logits);
    if (sequence.phase !== "ended") this.#running.join(sequence);
  }

  async #decode(sequences: readonly Sequence[]): Promise<void> {
    const logits = await this.#decoder.decode(
      sequences.map((sequence) => sequence.tokens[sequence.stored] ?? 0),
      sequences.map((sequence) => sequence.stored),
      sequences.map((sequence) => sequence.stage),
    );
    const { vocabSize } = this.#decoder;
    this.counters.decodeSteps++;
    this.counters.decodeTokens += sequences.length;
    this.counters.largestBatch = Math.max(this.counters.largestBatch, sequences.length);
    for (const [row, sequence] of sequences.entries()) {
      sequence.stored++;
      if (!sequence.isCancelled) this.#accept(sequence, logits.subarray(row * vocabSize, (row + 1) * vocabSize));
    }
  }

  /** Runs the last token and a draft in one step; the draft's tokens count as far as they are those the sampler chooses. */
  async #verify(sequence: Sequence, most: number): Promise<number> {
    const { slot, stored, stage, tokens, spec } = sequence;
    const draft = (await spec.drafter?.propose(tokens, most)) ?? [];
    if (draft.length === 0) {
      await this.#decode([sequence]);
      return 1;
    }
    const logits = await this.#decoder.evaluate(slot, [tokens[stored] ?? 0, ...draft], stored, stage);
    const { vocabSize } = this.#decoder;
    this.counters.decodeSteps++;
    this.counters.largestBatch = Math.max(this.counters.largestBatch, 1);
    let accepted = 0;
    for (let row = 0; row <= draft.length && !isGone(sequence); row++) {
      sequence.stored++;
      this.counters.decodeTokens++;
      this.#accept(sequence, logits.subarray(row * vocabSize, (row + 1) * vocabSize));
      if (sequence.tokens[sequence.stored] !== draft[row]) break;
      accepted++;
    }
    this.counters.draftedTokens += draft.length;
    this.counters.acceptedTokens += accepted;
    this.#drafts.judged(sequence.drafts, draft.length, accepted);
    return draft.length + 1;
  }

  /** Chooses the next token and ends the sequence if it is the last. */
  #accept(sequence: Sequence, logits: Float32Array): void {
    const { sampler, listener, stopTokens, prompt } = sequence.spec;
    this.#charge(sequence, 1);
    guarded(sequence, () => {
      const token = sampler.sample(logits);
      sequence.tokens.push(token);
      const completionTokens = sequence.tokens.length - prompt.length;
      const isStop = stopTokens.has(token) || listener.onToken(token);
      if (!isStop && completionTokens < sequence.maxTokens) return;
      sequence.phase = "ended";
      const { cachedTokens = 0 } = sequence;
      listener.onFinish({ reason: isStop ? "stop" : "length", completionTokens, cachedTokens });
    });
  }
}
