import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
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
export const CONTEXT_TOKENS = 100_000;

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

/** The n-th piece of an answer. */
export function pieceOf(script: Script, n: number): string {
  const word = hash(`${script.id}/${n}`);
  const length = 1 + (word % script.characters);
  return `${n}:${word.toString(36)}|`.repeat(Math.ceil(length / 8)).slice(0, length + 4);
}

export const ENGINE_ERROR = "engine_crashed";

/** How an answer fails whose script says so. */
export function failureAt(n: number): PorchlightError {
  return new PorchlightError(ENGINE_ERROR, `Fails at ${n}.`);
}

/** Every event but `progress` of an undisturbed answer. */
export function eventsOf(script: Script): GenerateEvent[] {
  const events: GenerateEvent[] = [];
  for (let n = 0; n < script.pieces; n++) {
    if (n === script.failsAt) {
      return [...events, { type: "error", error: failureAt(n).toWire() }];
    }
    events.push({ type: "text", text: pieceOf(script, n) });
  }
  const usage = { promptTokens: 7, completionTokens: script.pieces, cachedTokens: 0 };
  return [...events, { type: "usage", ...usage }, { type: "finish", reason: "stop" }];
}
