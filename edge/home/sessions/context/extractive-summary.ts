import { sentencesOf } from "./sentences.ts";
import { termsOf } from "./terms.ts";

/** Sentences that are looked at: the algorithm takes time in their square. */
const MOST_SENTENCES = 400;
/** A sentence of fewer words is "Sure!", of more a list or code. */
const TERMS = { least: 2, most: 60 };

interface Candidate {
  at: number;
  text: string;
  terms: string[];
}

/**
 * A summary made of sentences of the texts themselves, in their order, at most so many characters: SumBasic (Nenkova and Vanderwende,
 * "The Impact of Frequency on Summarization", 2005). Again and again the sentence is taken whose words are the most probable on average,
 * among those with the most probable word of all; then its words' probabilities are squared, so that the next says something else.
 */
export function extractiveSummary(texts: readonly string[], maxCharacters: number): string {
  const seen = new Set<string>();
  const candidates = texts
    .flatMap(sentencesOf)
    .map((text, at): Candidate => ({ at, text, terms: [...new Set(termsOf(text))] }))
    .filter(({ text, terms }) => {
      const isNew = !seen.has(text);
      seen.add(text);
      return isNew && terms.length >= TERMS.least && terms.length <= TERMS.most;
    })
    .slice(-MOST_SENTENCES);
  const probabilities = probabilitiesOf(candidates);
  const probability = (term: string): number => probabilities.get(term) ?? 0;
  const left = new Set(candidates);
  const taken: Candidate[] = [];
  let characters = 0;
  for (;;) {
    const fitting = [...left].filter(({ text }) => characters + text.length + 1 <= maxCharacters);
    const best = bestOf(fitting, probability);
    if (best === undefined) break;
    left.delete(best);
    taken.push(best);
    characters += best.text.length + 1;
    for (const term of best.terms) probabilities.set(term, probability(term) ** 2);
  }
  return taken
    .toSorted((a, b) => a.at - b.at)
    .map(({ text }) => text)
    .join("\n");
}

function probabilitiesOf(candidates: readonly Candidate[]): Map<string, number> {
  const counts = new Map<string, number>();
  let total = 0;
  for (const term of candidates.flatMap(({ terms }) => terms)) {
    counts.set(term, (counts.get(term) ?? 0) + 1);
    total += 1;
  }
  return new Map([...counts].map(([term, count]) => [term, count / total]));
}

function bestOf(candidates: readonly Candidate[], probability: (term: string) => number): Candidate | undefined {
  let top = 0;
  for (const { terms } of candidates) for (const term of terms) top = Math.max(top, probability(term));
  const withTop = candidates.filter(({ terms }) => terms.some((term) => probability(term) === top));
  const mean = ({ terms }: Candidate): number => terms.reduce((sum, term) => sum + probability(term), 0) / terms.length;
  return withTop.reduce<Candidate | undefined>(
    (best, one) => (best === undefined || mean(one) > mean(best) ? one : best),
    undefined,
  );
}
