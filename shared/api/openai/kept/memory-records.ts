import { PorchlightError } from "../../../errors.ts";
import { type KeptRecords, RESPONSES } from "./records.ts";

/** Limits of what is kept in memory, each with its reason. */
export const MEMORY_RECORD_LIMITS = {
  /** Conversations that go on are asked for within minutes. */
  keptMs: 3_600_000,
  /** Each turn of a conversation is one, or two with its question. */
  records: 1024,
  /** Each response is kept with all before it: a long conversation is some hundred kilobytes a turn. */
  characters: 32 * 1024 * 1024,
} as const;

/** Keeps records in memory: all of them leave with the process. */
export function createMemoryRecords(
  limits: { [Name in keyof typeof MEMORY_RECORD_LIMITS]: number } = MEMORY_RECORD_LIMITS,
): KeptRecords {
  /** Oldest first. */
  const kept = new Map<string, { group: string; text: string; untilMs: number }>();
  let characters = 0;
  const drop = (id: string): boolean => {
    characters -= kept.get(id)?.text.length ?? 0;
    return kept.delete(id);
  };
  const sweep = (): void => {
    const now = Date.now();
    for (const [id, { untilMs }] of kept) if (untilMs <= now) drop(id);
  };
  /** The oldest responses leave; where there are none, there is no room. */
  const makeRoom = (): void => {
    for (const [id, { group }] of kept) {
      if (kept.size <= limits.records && characters <= limits.characters) return;
      if (group === RESPONSES) drop(id);
    }
    if (kept.size > limits.records || characters > limits.characters) throw new PorchlightError("records_full");
  };
  return {
    get: async (id) => {
      sweep();
      return kept.get(id)?.text;
    },
    list: async (group) => {
      sweep();
      return [...kept].flatMap(([id, record]) => (record.group === group ? [{ id, text: record.text }] : []));
    },
    put: async (group, records) => {
      sweep();
      const untilMs = Date.now() + limits.keptMs;
      const before = records.map(({ id }) => [id, kept.get(id)] as const);
      for (const { id, text } of records) {
        characters += text.length - (kept.get(id)?.text.length ?? 0);
        kept.set(id, { group, text, untilMs });
      }
      try {
        makeRoom();
      } catch (error) {
        for (const [id, record] of before) {
          drop(id);
          if (record === undefined) continue;
          kept.set(id, record);
          characters += record.text.length;
        }
        throw error;
      }
    },
    delete: async (id) => {
      sweep();
      for (const [one, { group }] of kept) if (group === id) drop(one);
      return drop(id);
    },
  };
}
