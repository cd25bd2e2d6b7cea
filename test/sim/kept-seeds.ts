/** A seed that failed once, for ever a test. */
export interface KeptSeed {
  seed: number;
  /** What was found. */
  what: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  { seed: 6, what: "A machine that was revoked while it dialled was let in." },
  { seed: 120, what: "The same, where the revocation came before the proof." },
  { seed: 750, what: "A request for embeddings that a restart of the edge broke off failed as an internal error." },
  { seed: 3, what: "A job went on behind text that its machine was not told the tokens of." },
  { seed: 6776, what: "A revoked key that a Worker had cached began its minute anew after the object was lost." },
  { seed: 4102, what: "An object that hibernated under a job's open stream took credit from its agent's connection." },
];
