import { PorchlightError } from "../../../shared/errors.ts";
import { type Made, made } from "../made.ts";
import { tidyFact } from "./fact-text.ts";
import type { Fact, FactSource } from "./fact.ts";
import { FactTable } from "./fact-table.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import { type MemoryTextOptions, textOfFacts } from "./memory-text.ts";
import { rememberedFact } from "./remembered-fact.ts";

/** What the Worker may ask of the desk: see `memoryOf`. */
export const MEMORY_METHODS = ["list", "add", "change", "remove", "clear"] as const;
export type MemoryMethod = (typeof MEMORY_METHODS)[number];

export interface MemoryDeskOptions {
  sql: SqlStorage;
  now?: () => number;
}

/** What the people of a household asked to have remembered. Nobody sees another's, the owner included. */
export class MemoryDesk {
  readonly #table: FactTable;
  readonly #now: () => number;

  constructor({ sql, now = Date.now }: MemoryDeskOptions) {
    this.#table = new FactTable(sql);
    this.#now = now;
  }

  /** The latest first. */
  list(userId: string): Fact[] {
    return this.#table.of(userId);
  }

  /** Keeps a fact. One that is kept already is not kept twice. Refused as `invalid_request` and `memory_full`. */
  add(userId: string, text: string, source: FactSource | null = null): Made<Fact> {
    return made(() => {
      const fact = requireFact(text);
      const known = this.#table.like(userId, fact);
      if (known !== undefined) return known;
      if (this.#table.count(userId) >= MEMORY_LIMITS.factsPerPerson) throw new PorchlightError("memory_full");
      return this.#table.add(userId, `fact_${crypto.randomUUID().replaceAll("-", "")}`, fact, source, this.#now());
    });
  }

  /** Says a fact in other words. Refused as `invalid_request` and `not_found`. */
  change(userId: string, id: string, text: string): Made<Fact> {
    return made(() => {
      const changed = this.#table.change(userId, id, requireFact(text), this.#now());
      if (changed === undefined) throw new PorchlightError("not_found", "There is no such fact, or it is not yours.");
      return changed;
    });
  }

  /** Forgets a fact. Returns whether there was one. */
  remove(userId: string, id: string): boolean {
    return this.#table.remove(userId, id);
  }

  /** Forgets all of a person's facts. Returns how many there were. */
  clear(userId: string): number {
    return this.#table.removeOf(userId);
  }

  /** Keeps what a message asks to have remembered. Undefined where it asks for nothing, or there is no room. */
  remember(userId: string, message: string, source: FactSource | null = null): Fact | undefined {
    const text = rememberedFact(message);
    const answer = text === undefined ? undefined : this.add(userId, text, source);
    return answer !== undefined && "made" in answer ? answer.made : undefined;
  }

  /** What goes into a system prompt of that person's facts: see `textOfFacts`. */
  memoryText(userId: string, options: MemoryTextOptions = {}): string {
    return textOfFacts(this.#table.of(userId), options);
  }

  /** A person left. */
  personGone(userId: string): void {
    this.#table.removeOf(userId);
  }
}

function requireFact(text: string): string {
  const fact = tidyFact(text);
  if (fact !== "" && fact.length <= MEMORY_LIMITS.factCharacters) return fact;
  const sentence = `A fact has 1 to ${MEMORY_LIMITS.factCharacters} characters.`;
  throw new PorchlightError("invalid_request", sentence, { param: "text" });
}
