/**
 * Makes the starter model go on for hundreds of tokens: the penalty falls on everything in the prompt too, and so on the end of turn.
 * `repetition_penalty` is an extension that the openai package's types do not know.
 */
export const LONG_WINDED = { repetition_penalty: 10, temperature: 1.5, seed: 3, max_tokens: 900 };
