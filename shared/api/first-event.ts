import { PorchlightError } from "../errors.ts";
import type { GenerateEvent } from "../inference/event.ts";
import { orAborted } from "./abort.ts";
import { API_LIMITS } from "./limits.ts";

type Result = IteratorResult<GenerateEvent>;
type Progress = Extract<GenerateEvent, { type: "progress" }>;

/**
 * Waits until a generation has begun, so that an error before its first token can still become an HTTP status: throws the
 * PorchlightError of an `error` that comes first, or `cancelled` on an abort. Waits at most `waitMs` (the model may be loading).
 * Returns the events from there on: none is lost but the progress, which `onProgress` hears, and none after the first is read ahead
 * of the caller.
 */
export async function awaitFirstEvent(
  events: AsyncIterable<GenerateEvent>,
  options: { waitMs: number; signal: AbortSignal; onProgress?: (progress: Progress) => void },
): Promise<AsyncIterableIterator<GenerateEvent>> {
  const iterator = events[Symbol.asyncIterator]();
  const { promise: deadline, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), options.waitMs);
  try {
    for (;;) {
      const next = iterator.next();
      const result = await orAborted(Promise.race([next, deadline]), options.signal);
      if (result === undefined) return resume(iterator, next);
      if (!result.done && result.value.type === "progress") {
        options.onProgress?.(result.value);
        continue;
      }
      if (!result.done && result.value.type === "error") throw PorchlightError.fromWire(result.value.error);
      return resume(iterator, Promise.resolve(result));
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Every choice's events, once all have begun. */
export async function firstEvents(
  generations: readonly AsyncIterable<GenerateEvent>[],
  signal: AbortSignal,
  left: AbortController,
): Promise<AsyncIterableIterator<GenerateEvent>[]> {
  const options = { waitMs: API_LIMITS.headersAfterMs, signal };
  try {
    return await Promise.all(generations.map((generation) => awaitFirstEvent(generation, options)));
  } catch (error) {
    left.abort();
    throw error;
  }
}

/** `iterator`, whose `next` was asked once already. */
function resume(iterator: AsyncIterator<GenerateEvent>, asked: Promise<Result>): AsyncIterableIterator<GenerateEvent> {
  let pending: Promise<Result> | undefined = asked;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      const next = pending ?? iterator.next();
      pending = undefined;
      return next;
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}
