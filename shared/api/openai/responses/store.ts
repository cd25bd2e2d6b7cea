import type { InputItem } from "./input-schema.ts";
import type { ResponseBody } from "./response.ts";

/** A response that may be asked for again, with the whole conversation that it ended. */
export interface StoredResponse {
  response: ResponseBody;
  items: InputItem[];
}

/** Where responses are kept for those who name them later. */
export interface ResponseStore {
  get(id: string): StoredResponse | undefined;
  put(stored: StoredResponse): void;
  /** False where there was none. */
  delete(id: string): boolean;
}

/** Limits of what is kept in memory, each with its reason. */
export const RESPONSE_STORE_LIMITS = {
  /** Conversations that go on are asked for within minutes. */
  keptMs: 3_600_000,
  responses: 256,
  /** Each turn is kept with all before it: a long conversation is some hundred kilobytes a turn. */
  characters: 32 * 1024 * 1024,
} as const;

/** Keeps responses in memory; the oldest leave first, and all of them with the process. */
export function createResponseStore(
  limits: { [Name in keyof typeof RESPONSE_STORE_LIMITS]: number } = RESPONSE_STORE_LIMITS,
): ResponseStore {
  /** Oldest first. As text, so that nobody changes what is kept. */
  const kept = new Map<string, { text: string; untilMs: number }>();
  let characters = 0;
  const drop = (id: string): boolean => {
    characters -= kept.get(id)?.text.length ?? 0;
    return kept.delete(id);
  };
  const sweep = (): void => {
    const now = Date.now();
    for (const [id, { untilMs }] of kept) {
      if (untilMs > now && kept.size <= limits.responses && characters <= limits.characters) return;
      drop(id);
    }
  };
  return {
    get: (id) => {
      sweep();
      const found = kept.get(id);
      // The cast: it is what `put` was given.
      return found && (JSON.parse(found.text) as StoredResponse);
    },
    put: (stored) => {
      const text = JSON.stringify(stored);
      kept.set(stored.response.id, { text, untilMs: Date.now() + limits.keptMs });
      characters += text.length;
      sweep();
    },
    delete: (id) => {
      sweep();
      return drop(id);
    },
  };
}
