/** What plugins may add to a question, and what it may cost. */
export const ASIDE_LIMITS = {
  /** How long a question waits for all of them together. */
  patienceMs: 2_000,
  /** Of one call before an answer: the first one at home starts a process, and the next question finds it running. */
  callMs: 10_000,
  /** Plugins that are asked before an answer. */
  plugins: 16,
  /** Of one hook's text, and of one passage. */
  textCharacters: 4_000,
  passages: 5,
  titleCharacters: 200,
  /** Of all together, in the model's context, at most this part at three characters a token, and this many characters. */
  contextPart: 4,
  allCharacters: 12_000,
  /** Of what a finished turn's hooks are told of question and answer, each. */
  toldCharacters: 100_000,
} as const;
