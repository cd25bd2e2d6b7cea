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
      try {
        const tools = request.toolChoice === "none" ? [] : (request.tools ?? []);
        const prompt = tokenizer.encode(template.render(request.messages, tools));
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
        const listener = createListener(output, { prompt, sampler, tokenizer }, emitLive);
        const maxTokens = request.maxTokens ?? defaults.maxTokens;
        handle = scheduler.submit({
          prompt,
          maxTokens,
          stopTokens,
          sampler,
          drafter: createDrafter(),
          caller: request.caller,
          priority: request.priority,
          listener,
        });
        queueMicrotask(() => emitLive({ type: "progress", stage: "queued" }));
      } catch (error) {
        queueMicrotask(() => emitLive({ type: "error", error: PorchlightError.from(error).toWire() }));
      }
      return {
        cancel: () => {
          isCancelled = true;
          handle?.cancel();
        },
      };
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

/** Turns what a sequence does into events. */
function createListener(
  output: ReturnType<typeof createOutput>,
  { prompt, sampler, tokenizer }: { prompt: readonly number[]; sampler: Sampler; tokenizer: Tokenizer },
  emit: (event: GenerateEvent) => void,
): SequenceListener {
  let calls = 0;
  /** Of tokens whose text has not come out yet. */
  let logprobs: TokenLogprob[] = [];
  const emitPieces = (pieces: readonly OutputPiece[]): void => {
    for (const piece of pieces) {
      if (piece.type === "text") emit(logprobs.length === 0 ? piece : { ...piece, logprobs });
      else emit({ type: "tool_call", index: calls++, call: piece.call });
      logprobs = [];
    }
  };
  return {
    onPrefill: (done, total) => {
      if (done < total) emit({ type: "progress", stage: "prefill", fraction: done / total });
    },
    onToken: (token) => {
      if (sampler.logprobs) logprobs.push(describeLogprobs(sampler.logprobs, tokenizer));
      emitPieces(output.push(token));
      return output.stopped || sampler.isComplete === true;
    },
    onFinish: ({ reason, completionTokens, cachedTokens }) => {
      emitPieces(output.end());
      emit({ type: "usage", promptTokens: prompt.length, completionTokens, cachedTokens });
      emit({ type: "finish", reason: calls > 0 && reason === "stop" ? "tool_calls" : reason });
    },
    onError: (error) => emit({ type: "error", error: error.toWire() }),
  };
}
