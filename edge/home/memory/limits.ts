/** What memory may cost, each with its reason. */
export const MEMORY_LIMITS = {
  /** Facts of a person: more than anybody reads through to correct them. */
  factsPerPerson: 200,
  /** Of one fact: a sentence or a few. Longer texts are documents, not facts. */
  factCharacters: 500,
  /** Of all that goes into a prompt, unless the caller has more room: some six hundred tokens of a small model's context. */
  textCharacters: 2_400,
  /** Beginning of a message in which to look for something to remember. */
  lookedAtCharacters: 4_000,
} as const;
