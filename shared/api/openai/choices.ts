import type { GenerateEvent } from "../../inference/event.ts";

/** An event of one of the generations that an answer consists of. */
export interface ChoiceEvent {
  choice: number;
  event: GenerateEvent;
}

/**
 * The events of several generations as they come, each generation's in its order. Ends when all have ended, or with the first
 * error. Of each generation one event is asked for at a time, so a slow reader slows them all.
 */
export async function* mergeChoices(
  generations: readonly AsyncIterator<GenerateEvent>[],
): AsyncGenerator<ChoiceEvent, void, undefined> {
  const ask = async (choice: number) => ({ choice, result: await generations[choice]?.next() });
  const asked = new Map(generations.map((_, choice) => [choice, ask(choice)]));
  try {
    while (asked.size > 0) {
      const { choice, result } = await Promise.race(asked.values());
      if (result === undefined || result.done === true) {
        asked.delete(choice);
        continue;
      }
      // Asked for again behind the others, so that a fast one does not keep them waiting.
      asked.delete(choice);
      asked.set(choice, ask(choice));
      yield { choice, event: result.value };
      if (result.value.type === "error") return;
    }
  } finally {
    // Not waited for: a generation that is asked for its next event ends only when that has come.
    for (const generation of generations) void generation.return?.();
  }
}
