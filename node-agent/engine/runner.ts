import { PorchlightError } from "../../shared/errors.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { TokenLogprob } from "../../shared/inference/output-format.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import type { TextTools } from "../text/load.ts";
import { createOutput } from "../text/output.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { OutputPiece } from "../text/tool-call-parser.ts";
import type { Decoder } from "./decoder.ts";
import type { Drafter } from "./drafter.ts";
import { createGrammarCompiler } from "./grammar/compiler.ts";
import { biasOf, describeLogprobs } from "./logprobs.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
import { createSkip, replay, type ReplayContext } from "./resume.ts";
import { createSampler, type Sampler } from "./sampler.ts";
import { resolveSampling } from "./sampling-params.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";
import type { SchedulerStats } from "./scheduler-stats.ts";
import type { SequenceListener } from "./sequence.ts";

/** One loaded model: canonical requests in, events out. */
export interface Runner {
  /**
   * Starts a generation; `emit` hears its events in the order stated at GenerateEvent, never before this returns. Never throws:
   * what goes wrong is an `error` event. After `cancel` the slot is free before the next step and `emit` hears nothing more.
   */
  start(request: GenerateRequest, emit: (event: GenerateEvent) => void): { cancel: () => void };
  stats(): SchedulerStats;
  /** Gives back the memory that no running request needs. */
  reclaim(): void;
  /** Ends what runs with `engine_crashed` and releases the model. */
  stop(): Promise<void>;
}

export interface RunnerOptions extends TextTools, SchedulerOptions {
  decoder: Decoder;
  defaults: GenerationDefaults;
  /** Tokens that end an answer. */
  stopTokens: ReadonlySet<number>;
  /** Guesses the tokens of one sequence ahead; by default from its own text. */
  createDrafter?: () => Drafter;
}

export function createRunner(options: RunnerOptions): Runner {
  const { decoder, tokenizer, template, defaults, stopTokens, createDrafter = createPromptLookup } = options;
  const scheduler = new Scheduler(decoder, options);
  const grammars = createGrammarCompiler({ tokenizer, vocabSize: decoder.vocabSize, stopTokens });
  return {
    start: (request, emit) => {
      let isCancelled = false;
      const emitLive = (event: GenerateEvent): void => {
        if (!isCancelled) emit(event);
      };
      let handle: { cancel: () => void } | null = null;
      const cancel = (): void => {
        isCancelled = true;
        handle?.cancel();
      };
      try {
        const tools = request.toolChoice === "none" ? [] : (request.tools ?? []);
        const prompt = tokenizer.encode(template.render(request.messages, tools));
        if (request.countOnly === true) {
          queueMicrotask(() => emitCount(prompt.length, emitLive));
          return { cancel };
        }
        const sampler = createSampler(resolveSampling(request.sampling, defaults), prompt, {
          bias: biasOf(request.logitBias, decoder.vocabSize),
          matcher: grammars.matcherFor(request),
          topLogprobs: request.topLogprobs,
        });
        const output = createOutput({
          tokenizer,
          stop: request.stop ?? [],
          tools: tools.length > 0,
        });
        const { onBegun, ...listener } = createListener(output, { request, prompt, sampler, tokenizer }, emitLive);
        const maxTokens = request.maxTokens ?? defaults.maxTokens;
        const most = Math.min(maxTokens ?? Number.POSITIVE_INFINITY, decoder.contextLength - prompt.length);
        const begun = request.resume?.tokens ?? [];
        const end = replay(begun, { sampler, stopTokens, vocabSize: decoder.vocabSize, most, onBegun });
        if (end !== null) {
          queueMicrotask(() => listener.onFinish(end));
          return { cancel };
        }
        handle = scheduler.submit({
          prompt,
          begun,
          maxTokens,
          stopTokens,
          sampler,
          drafter: createDrafter(),
          caller: request.caller,
          priority: request.priority,
          listener,
        });
        queueMicrotask(() => emitLive({ type: "progress", stage: "queued", promptTokens: prompt.length }));
      } catch (error) {
        queueMicrotask(() => emitLive({ type: "error", error: PorchlightError.from(error).toWire() }));
      }
      return { cancel };
    },
    stats: () => scheduler.stats(),
    reclaim: () => scheduler.reclaim(),
    stop: async () => {
      await scheduler.stop(
        new PorchlightError(
          "engine_crashed",
          "The model was unloaded while it was answering. Try again: it loads again.",
        ),
      );
      await decoder.dispose();
    },
  };
}

/** The answer to a request that only counts. */
function emitCount(promptTokens: number, emit: (event: GenerateEvent) => void): void {
  emit({ type: "usage", promptTokens, completionTokens: 0, countOnly: true });
  emit({ type: "finish", reason: "stop" });
}

interface AnswerContext {
  request: GenerateRequest;
  prompt: readonly number[];
  sampler: Sampler;
  tokenizer: Tokenizer;
}

/** Turns what a sequence does into events. */
function createListener(
  output: ReturnType<typeof createOutput>,
  { request, prompt, sampler, tokenizer }: AnswerContext,
  emit: (event: GenerateEvent) => void,
): SequenceListener & Pick<ReplayContext, "onBegun"> {
  let calls = 0;
  const left = createSkip(request.resume?.skip);
  /** Of tokens that were chosen before: they come out with the first that is chosen now. */
  const begun: OutputPiece[] = [];
  const startedMs = performance.now();
  let firstTokenMs: number | undefined;
  /** Of tokens whose text has not come out yet. */
  let logprobs: TokenLogprob[] = [];
  let tokens: number[] = [];
  const emitPieces = (pieces: readonly OutputPiece[]): void => {
    for (const whole of [...begun.splice(0), ...pieces]) {
      const piece = left(whole);
      const index = whole.type === "tool_call" ? calls++ : 0;
      if (piece !== null) {
        const ids = tokens.length === 0 ? {} : { tokens };
        if (piece.type === "tool_call") emit({ type: "tool_call", index, call: piece.call, ...ids });
        else emit({ ...piece, ...(logprobs.length === 0 ? {} : { logprobs }), ...ids });
        tokens = [];
      }
      logprobs = [];
    }
  };
  const isOver = (): boolean => output.stopped || sampler.isComplete === true;
  return {
    onBegun: (token) => {
      begun.push(...output.push(token));
      return isOver();
    },
    onPrefill: (done, total) => {
      if (done >= total) return;
      emit({ type: "progress", stage: "prefill", fraction: done / total, promptTokens: prompt.length });
    },
    onToken: (token) => {
      firstTokenMs ??= performance.now();
      if (sampler.logprobs) logprobs.push(describeLogprobs(sampler.logprobs, tokenizer));
      if (request.tokenIds === true) tokens.push(token);
      emitPieces(output.push(token));
      return isOver();
    },
    onFinish: ({ reason, completionTokens, cachedTokens }) => {
      emitPieces(output.end());
      const endMs = performance.now();
      const promptMs = (firstTokenMs ?? endMs) - startedMs;
      const completionMs = endMs - (firstTokenMs ?? endMs);
      emit({ type: "usage", promptTokens: prompt.length, completionTokens, cachedTokens, promptMs, completionMs });
      const { stoppedBy } = output;
      emit({
        type: "finish",
        reason: calls > 0 && reason === "stop" ? "tool_calls" : reason,
        ...(stoppedBy === undefined ? {} : { stopString: stoppedBy }),
      });
    },
    onError: (error) => emit({ type: "error", error: error.toWire() }),
  };
}
