import { PorchlightError } from "../../shared/errors.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { TokenLogprob } from "../../shared/inference/output-format.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import type { TextTools } from "../text/load.ts";
import { createOutput } from "../text/output.ts";
import { opensThoughts } from "../text/reasoning.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { OutputPiece } from "../text/tool-call-parser.ts";
import type { Decoder } from "./decoder.ts";
import type { Drafter } from "./drafter.ts";
import { createGrammarCompiler } from "./grammar/compiler.ts";
import type { GrammarMatcher } from "./grammar/matcher.ts";
import { biasOf, describeLogprobs } from "./logprobs.ts";
import { createPromptLookup } from "./prompt-lookup.ts";
import { createThoughtMatcher } from "./thought-matcher.ts";
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
  const matcherFor = (request: GenerateRequest, thoughts: { isOpen: boolean } | null): GrammarMatcher | null => {
    const answer = grammars.matcherFor(request);
    const maxTokens = request.reasoning?.maxTokens;
    const mayThink = thoughts !== null && (thoughts.isOpen || request.reasoning?.enabled !== false);
    if (!mayThink || (answer === null && maxTokens === undefined)) return answer;
    const { vocabSize } = decoder;
    return createThoughtMatcher({ tokenizer, vocabSize, stopTokens, answer, maxTokens, ...thoughts });
  };
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
        const reasoning = { reasoning: request.reasoning?.enabled };
        if (request.reasoning?.enabled === true && !template.reasons) throw cannotReason();
        const { prompt: raw } = request;
        const text = raw === undefined ? template.render(request.messages, tools, reasoning) : template.begin(raw);
        const prompt = tokenizer.encode(text);
        const thoughts = template.reasons && raw === undefined ? { isOpen: opensThoughts(text) } : null;
        if (request.countOnly === true) {
          queueMicrotask(() => emitCount(prompt.length, emitLive));
          return { cancel };
        }
        const sampler = createSampler(resolveSampling(request.sampling, defaults), prompt, {
          bias: biasOf(request.logitBias, decoder.vocabSize),
          matcher: matcherFor(request, thoughts),
          topLogprobs: request.topLogprobs,
        });
        const output = createOutput({
          tokenizer,
          stop: request.stop ?? [],
          tools: tools.length > 0,
          reasoning: thoughts,
        });
        const context = { request, prompt, sampler, tokenizer, reasons: template.reasons };
        const { onBegun, ...listener } = createListener(output, context, emitLive);
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

function cannotReason(): PorchlightError {
  return new PorchlightError(
    "unsupported_parameter",
    "This model does not think before it answers: it was not taught to. Ask it without reasoning, or choose another model.",
    { param: "reasoning" },
  );
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
  reasons: boolean;
}

/** Turns what a sequence does into events. */
function createListener(
  output: ReturnType<typeof createOutput>,
  { request, prompt, sampler, tokenizer, reasons }: AnswerContext,
  emit: (event: GenerateEvent) => void,
): SequenceListener & Pick<ReplayContext, "onBegun"> {
  let calls = 0;
  let reasoningTokens = 0;
  const push = (token: number): OutputPiece[] => {
    const pieces = output.push(token);
    if (output.isReasoning) reasoningTokens += 1;
    return pieces;
  };
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
        else if (piece.type === "reasoning") emit({ type: "reasoning", text: piece.text, ...ids });
        else emit({ type: "text", text: piece.text, ...(logprobs.length === 0 ? {} : { logprobs }), ...ids });
        tokens = [];
      }
      logprobs = [];
    }
  };
  const isOver = (): boolean => output.stopped || sampler.isComplete === true;
  return {
    onBegun: (token) => {
      begun.push(...push(token));
      return isOver();
    },
    onPrefill: (done, total) => {
      emit({ type: "progress", stage: "prefill", fraction: done / total, promptTokens: prompt.length });
    },
    onToken: (token) => {
      firstTokenMs ??= performance.now();
      if (request.tokenIds === true) tokens.push(token);
      const pieces = push(token);
      // Probabilities are told of the answer alone.
      if (sampler.logprobs && !output.isReasoning) logprobs.push(describeLogprobs(sampler.logprobs, tokenizer));
      emitPieces(pieces);
      return isOver();
    },
    onFinish: ({ reason, completionTokens, cachedTokens }) => {
      emitPieces(output.end());
      const endMs = performance.now();
      const promptMs = (firstTokenMs ?? endMs) - startedMs;
      const completionMs = endMs - (firstTokenMs ?? endMs);
      const counts = { promptTokens: prompt.length, completionTokens, cachedTokens };
      emit({ type: "usage", ...counts, ...(reasons ? { reasoningTokens } : {}), promptMs, completionMs });
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
