import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import { eventsOf, scriptOf, vectorsOf } from "./script.ts";

/** What one engine is busy with: empty when nobody wants anything of it. */
export type Busy = Set<string>;

export interface EngineEvents {
  /** It begins an answer. */
  onBegin(this: void, id: string): void;
  /** It was asked to go on from where no answer of its own broke off. */
  onImpossible(this: void, error: unknown): void;
}

/** An engine without a model: what it answers follows from the request, when it does so from the seed. */
export function scriptedBackend(
  kernel: Kernel,
  random: Random,
  busy: Busy,
  { onBegin, onImpossible }: EngineEvents,
): InferenceBackend {
  return {
    listModels: async () => [],
    embed: async (request, signal) => {
      const key = `embed#${random.uint32()}`;
      busy.add(key);
      const cancelled = await pause(random.spread(1, 2_000), signal);
      busy.delete(key);
      if (cancelled) throw new PorchlightError("cancelled");
      return vectorsOf(request);
    },
    generate: (request, signal) => {
      onBegin(scriptOf(request).id);
      return generate(kernel, random, busy, onImpossible, request, signal);
    },
  };
}

async function* generate(
  kernel: Kernel,
  random: Random,
  busy: Busy,
  onImpossible: (error: unknown) => void,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerateEvent> {
  const script = scriptOf(request);
  const key = `${script.id}#${random.uint32()}`;
  busy.add(key);
  kernel.trace(`engine begins ${script.id}`);
  try {
    if (random.chance(0.3)) yield { type: "progress", stage: "loading" };
    if (await pause(random.fraction() * 2 * script.gapMs, signal)) return;
    for (const event of eventsOf(script, request.tokenIds, request.resume)) {
      yield event;
      // Several tokens often end at once.
      if (event.type === "text" && random.chance(0.7)) {
        if (await pause(random.fraction() * 2 * script.gapMs, signal)) return;
      }
      if (signal.aborted) return;
    }
  } catch (error) {
    onImpossible(error);
    throw error;
  } finally {
    busy.delete(key);
    kernel.trace(`engine ends ${script.id}`);
  }
}

/** Returns whether it was called off. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve(signal.aborted);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
