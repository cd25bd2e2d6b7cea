import { PorchlightError } from "../../../shared/errors.ts";
import type { EmbedRequest, EmbedResult } from "../../../shared/inference/embed.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest, Resume } from "../../../shared/inference/request.ts";
import { hash } from "../kernel/random.ts";

/** What a request asks of the scripted engine: it stands in the request's one message. */
export interface Script {
  /** Names the answer: its words follow from it. */
  id: string;
  pieces: number;
  /** Characters of each piece of text, at most. */
  characters: number;
  /** Mean time between two pieces. */
  gapMs: number;
  /** Piece at which the engine fails, if it does. */
  failsAt?: number;
}

export const MODEL = "scripted";
export const EMBED_MODEL = "scripted-embed";
/** One that a single machine has. */
export const OWN_MODEL = "scripted-own";
export const CONTEXT_TOKENS = 100_000;
export const ENGINE_ERROR = "engine_crashed";

/** A piece of an answer: its text, and the tokens that it takes from the answer's beginning to its end. */
interface Piece {
  text: string;
  /** Tokens up to its end. */
  endTokens: number;
  /** Tokens that the event with its end tells of: they may run ahead of the text. */
  toldTokens: number;
}

interface Answer {
  pieces: Piece[];
  tokens: number[];
  text: string;
}

export function requestOf(script: Script, maxTokens?: number): GenerateRequest {
  return {
    model: MODEL,
    messages: [{ role: "user", content: JSON.stringify(script) }],
    sampling: { temperature: 0 },
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

export function scriptOf(request: GenerateRequest): Script {
  const message = request.messages.at(-1);
  // Written by `requestOf`.
  return JSON.parse(message?.content ?? "null") as Script;
}

/** The whole text of an undisturbed answer, as far as its engine gets. */
export function textOf(script: Script): string {
  return piecesOf(script).text;
}

export function tokenCountOf(script: Script): number {
  return piecesOf(script).tokens.length;
}

/** The events but `progress`; with `resume`, those that are left. Throws for a `resume` that cannot come of this answer's events. */
export function* eventsOf(script: Script, tokenIds = false, resume?: Resume): Generator<GenerateEvent> {
  const { pieces, tokens } = piecesOf(script);
  let told = resume?.tokens.length ?? 0;
  let skip = resume?.skip.characters ?? 0;
  if (resume) checkResume(script, resume);
  for (const { text, endTokens, toldTokens } of pieces) {
    const rest = text.slice(skip);
    skip = Math.max(0, skip - text.length);
    if (rest === "") continue;
    const its = tokens.slice(told, Math.max(told, toldTokens));
    told = Math.max(told, toldTokens, endTokens);
    yield { type: "text", text: rest, ...(tokenIds ? { tokens: its } : {}) };
  }
  if (script.failsAt !== undefined && script.failsAt < script.pieces) {
    yield { type: "error", error: new PorchlightError(ENGINE_ERROR, `Fails at ${script.failsAt}.`).toWire() };
    return;
  }
  yield { type: "usage", promptTokens: 7, completionTokens: tokens.length, cachedTokens: 0 };
  yield { type: "finish", reason: "stop" };
}

const answers = new WeakMap<Script, Answer>();

/** The answer to a request for embeddings: as many numbers for each text as it has characters. */
export function vectorsOf({ inputs }: EmbedRequest): EmbedResult {
  const length = Math.max(...inputs.map((input) => input.length));
  const vectors = inputs.map((input, n) => {
    const begin = hash(String(input), n);
    return Float32Array.from({ length }, (_, i) => (begin + i * i) % 9973);
  });
  return { vectors, promptTokens: inputs.length };
}

function piecesOf(script: Script): Answer {
  const known = answers.get(script) ?? makeAnswer(script);
  answers.set(script, known);
  return known;
}

function makeAnswer(script: Script): Answer {
  const tokens: number[] = [];
  const pieces: Piece[] = [];
  for (let n = 0; n < Math.min(script.pieces, script.failsAt ?? Infinity); n++) {
    const word = hash(`${script.id}/${n}`);
    const count = word % 5 === 0 ? 2 : 1;
    for (let i = 0; i < count; i++) tokens.push((word + i) % 50_000);
    const length = 1 + (word % script.characters);
    const text = `${n}:${word.toString(36)}|`.repeat(Math.ceil(length / 8)).slice(0, length + 4);
    pieces.push({ text, endTokens: tokens.length, toldTokens: tokens.length });
    const before = pieces[n - 1];
    // The first of a piece's two tokens is told with the piece before, now and then.
    if (before && count === 2 && word % 2 === 0) before.toldTokens += 1;
  }
  return { pieces, tokens, text: pieces.map(({ text }) => text).join("") };
}

/** An engine would go on from anything; what it is given must be what this answer's events told, no more and no less. */
function checkResume(script: Script, { tokens, skip }: Resume): void {
  const { pieces, tokens: all } = piecesOf(script);
  if (tokens.some((token, n) => token !== all[n])) throw impossible(`${script.id} is resumed with tokens not its own`);
  let characters = 0;
  const fits =
    (tokens.length === 0 && skip.characters === 0) ||
    pieces.some(({ text, toldTokens }) => {
      characters += text.length;
      return toldTokens === tokens.length && characters === skip.characters;
    });
  if (!fits) {
    throw impossible(`${script.id} is resumed behind ${tokens.length} tokens and ${skip.characters} characters`);
  }
}

/** As an engine says it that knows a token that it cannot go on from. */
function impossible(sentence: string): PorchlightError {
  return new PorchlightError("invalid_request", sentence, { param: "resume" });
}
