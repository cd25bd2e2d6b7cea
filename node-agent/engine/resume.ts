import { PorchlightError } from "../../shared/errors.ts";
import type { Resume } from "../../shared/inference/request.ts";
import type { OutputPiece } from "../text/tool-call-parser.ts";
import type { Sampler } from "./sampler.ts";
import type { SequenceEnd } from "./sequence.ts";

export interface ReplayContext {
  sampler: Pick<Sampler, "take">;
  stopTokens: ReadonlySet<number>;
  vocabSize: number;
  /** Most tokens of the answer; none if the prompt leaves no room. */
  most: number;
  /** As SequenceListener.onToken, for a token that was chosen before. */
  onBegun: (token: number) => boolean;
}

/**
 * Takes tokens of an answer that was begun elsewhere as if they were chosen now, so that all that depends on them is where it would be:
 * random numbers, penalties, grammar, text, tool calls. Returns how the answer had ended with one of them, or null: then the model goes on
 * behind them. Throws `invalid_request` for tokens that cannot have been this request's answer.
 */
export function replay(tokens: readonly number[], context: ReplayContext): SequenceEnd | null {
  const { sampler, stopTokens, vocabSize, most, onBegun } = context;
  for (const [i, token] of tokens.slice(0, Math.max(0, most)).entries()) {
    if (token >= vocabSize) throw wrongToken(`There is no token ${token} to resume from in this model.`);
    take(sampler, token);
    const completionTokens = i + 1;
    if (stopTokens.has(token) || onBegun(token)) return { reason: "stop", completionTokens, cachedTokens: 0 };
    if (completionTokens === most) return { reason: "length", completionTokens, cachedTokens: 0 };
  }
  return null;
}

function take(sampler: ReplayContext["sampler"], token: number): void {
  try {
    sampler.take(token);
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code !== "internal") throw error;
    throw wrongToken(`The token ${token} to resume from does not fit the form of the answer.`);
  }
}

function wrongToken(sentence: string): PorchlightError {
  return new PorchlightError("invalid_request", `${sentence} Ask anew.`, { param: "resume" });
}

/** Leaves out what an answer's reader has: gives the rest of each piece, in order, and null for one that was delivered as a whole. */
export function createSkip(
  skip: Resume["skip"] = { characters: 0, toolCalls: 0 },
): (piece: OutputPiece) => OutputPiece | null {
  let { toolCalls } = skip;
  const left = { text: skip.characters, reasoning: skip.reasoningCharacters ?? 0 };
  return (piece) => {
    if (piece.type === "tool_call") return toolCalls-- > 0 ? null : piece;
    const { type, text } = piece;
    // A character that was cut in two counts as delivered.
    const cut = isInsidePair(text, left[type]) ? left[type] + 1 : left[type];
    left[type] = Math.max(0, left[type] - text.length);
    if (cut >= text.length) return null;
    return cut === 0 ? piece : { type, text: text.slice(cut) };
  };
}

function isInsidePair(text: string, at: number): boolean {
  return at > 0 && at < text.length && (text.codePointAt(at - 1) ?? 0) > 0xffff;
}
