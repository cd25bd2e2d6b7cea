import type { Turn } from "../../../../shared/sessions/turn.ts";
import { turnText } from "../../../../shared/sessions/turn-text.ts";
import { sentencesOf } from "./sentences.ts";
import { termsOf } from "./terms.ts";

/** Okapi BM25's usual constants (Robertson and Zaragoza, 2009). */
const K1 = 1.2;
const B = 0.75;

/** Pieces that go along at most: more would drown what is asked. */
const MOST_PIECES = 4;
const PIECE_CHARACTERS = 1_200;
/** Of what the question weighs, a turn must have so much. */
const COVERAGE = 0.5;
/** Of the best score, another piece must have so much. */
const OF_BEST = 0.6;

/** Something that was said earlier. */
export interface Piece {
  /** The turn it is of. */
  index: number;
  /** BM25 of the turn for the question, larger is better. */
  score: number;
  text: string;
}

/** Whether a question needed older turns, and why. Coverage is the part of the question's weight that a turn has, in [0, 1]. */
export interface Retrieval {
  decision: "needed" | "not_needed" | "off";
  /** Of the best older turn, and of the best turn that goes along anyway. */
  coverage: { older: number; window: number };
  pieces: Piece[];
}

interface Document {
  turn: Turn;
  terms: Map<string, number>;
  length: number;
}

/**
 * Finds what older turns say to a question, and only where it needs them: when one of them has at least half of what the question is
 * about (its words weighed by how rare they are in this conversation), and more of it than any turn that goes along anyway. Words alone
 * decide, so that it costs no model. Both lists are of one conversation.
 */
export function retrieve(question: string, older: readonly Turn[], window: readonly Turn[]): Retrieval {
  const asked = [...new Set(termsOf(question))];
  const documents = older.map(documentOf);
  const shown = window.map(documentOf);
  const everything = [...documents, ...shown];
  const weights = new Map(asked.map((term) => [term, weightOf(term, everything)]));
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const coverage = ({ terms }: Document): number => {
    let covered = 0;
    for (const [term, weight] of weights) if (terms.has(term)) covered += weight;
    return total === 0 ? 0 : covered / total;
  };
  const best = Math.max(0, ...documents.map(coverage));
  const known = Math.max(0, ...shown.map(coverage));
  const standing = { older: rounded(best), window: rounded(known) };
  if (best < COVERAGE || best <= known) return { decision: "not_needed", coverage: standing, pieces: [] };
  const mean = everything.reduce((sum, { length }) => sum + length, 0) / everything.length;
  const ranked = documents
    .filter((document) => coverage(document) > known && coverage(document) >= COVERAGE)
    .map((document) => ({ document, score: scoreOf(document, weights, mean) }))
    .toSorted((a, b) => b.score - a.score || b.document.turn.index - a.document.turn.index);
  const least = (ranked[0]?.score ?? 0) * OF_BEST;
  const pieces = ranked
    .filter(({ score }) => score >= least)
    .slice(0, MOST_PIECES)
    .map(({ document: { turn }, score }) => ({
      index: turn.index,
      score: rounded(score),
      text: pieceOf(turn, weights),
    }));
  return { decision: "needed", coverage: standing, pieces };
}

function documentOf(turn: Turn): Document {
  const all = termsOf(turnText(turn));
  const terms = new Map<string, number>();
  for (const term of all) terms.set(term, (terms.get(term) ?? 0) + 1);
  return { turn, terms, length: all.length };
}

/** Inverse document frequency; a word that nobody has said yet weighs as much as the rarest. */
function weightOf(term: string, documents: readonly Document[]): number {
  const having = documents.filter(({ terms }) => terms.has(term)).length;
  return Math.log(1 + (documents.length - having + 0.5) / (having + 0.5));
}

function scoreOf({ terms, length }: Document, weights: ReadonlyMap<string, number>, meanLength: number): number {
  let score = 0;
  for (const [term, weight] of weights) {
    const count = terms.get(term) ?? 0;
    score += (weight * count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / Math.max(1, meanLength)));
  }
  return score;
}

/** The turn as it was said; of a long one, the whole sentences that have the most of the question, in their order. */
function pieceOf(turn: Turn, weights: ReadonlyMap<string, number>): string {
  const said = turn.messages
    .filter(({ role, content }) => (role === "user" || role === "assistant") && content !== "")
    .map(({ role, content }) => ({ speaker: role === "user" ? "User" : "Assistant", content }));
  const whole = said.map(({ speaker, content }) => `${speaker}: ${content}`).join("\n");
  if (whole.length <= PIECE_CHARACTERS) return whole;
  const sentences = said.flatMap(({ speaker, content }) =>
    sentencesOf(content).map((sentence) => ({ text: `${speaker}: ${sentence}`, weight: weightIn(sentence, weights) })),
  );
  let left = PIECE_CHARACTERS;
  const taken = new Set<string>();
  for (const { text } of sentences.toSorted((a, b) => b.weight - a.weight)) {
    if (text.length + 1 > left) continue;
    left -= text.length + 1;
    taken.add(text);
  }
  return [...new Set(sentences.map(({ text }) => text))].filter((text) => taken.has(text)).join("\n");
}

function weightIn(sentence: string, weights: ReadonlyMap<string, number>): number {
  return [...new Set(termsOf(sentence))].reduce((sum, term) => sum + (weights.get(term) ?? 0), 0);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
