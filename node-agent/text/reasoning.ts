import { createPrefixMatcher } from "./prefix-matcher.ts";

/** What reasoning models put their thoughts between, before they answer. */
export const THINK_OPEN = "<think>";
export const THINK_CLOSE = "</think>";

export type ReasoningPiece = { type: "reasoning" | "text"; text: string };

/** Takes a model's thoughts out of the beginning of its output. */
export interface ReasoningSplitter {
  push(text: string): ReasoningPiece[];
  /** What was held back, once no more text comes. */
  end(): ReasoningPiece[];
  /** Whether the next text is a thought, as far as is known. */
  readonly isInside: boolean;
}

/** Whether a rendered prompt ends with a block of thoughts that the model is to fill. */
export function opensThoughts(prompt: string): boolean {
  return prompt.trimEnd().endsWith(THINK_OPEN);
}

/**
 * Thoughts are what stands between the tags where the output begins with the first of them, or where the prompt ended with it (`isOpen`).
 * They go through as soon as they cannot be the closing tag; white space around them is dropped, and so is what parts them from the answer.
 * Thoughts that are never closed are thoughts to the end. Linear cost.
 */
export function createReasoningSplitter(isOpen: boolean): ReasoningSplitter {
  const close = createPrefixMatcher(THINK_CLOSE);
  let phase: "before" | "inside" | "answer" = isOpen ? "inside" : "before";
  /** Not yet let through. Inside: white space, then what `close` has matched. */
  let held = "";
  /** Whether white space is dropped until the next text of this phase. */
  let trims = isOpen;

  function takeBefore(text: string, out: ReasoningPiece[]): void {
    held += text;
    const start = held.trimStart();
    if (start.length < THINK_OPEN.length && THINK_OPEN.startsWith(start)) return;
    const all = held;
    held = "";
    if (!start.startsWith(THINK_OPEN)) {
      phase = "answer";
      return takeAnswer(all, out);
    }
    phase = "inside";
    trims = true;
    takeInside(start.slice(THINK_OPEN.length), out);
  }

  function takeInside(text: string, out: ReasoningPiece[]): void {
    for (let i = 0; i < text.length; i++) {
      if (!close.advance(text.charAt(i))) continue;
      const thought = held + text.slice(0, i + 1);
      held = "";
      emit("reasoning", thought.slice(0, -THINK_CLOSE.length).trimEnd(), out);
      phase = "answer";
      trims = true;
      return takeAnswer(text.slice(i + 1), out);
    }
    held += text;
    const certain = held.slice(0, held.length - close.matched).trimEnd().length;
    emit("reasoning", held.slice(0, certain), out);
    held = held.slice(certain);
  }

  function takeAnswer(text: string, out: ReasoningPiece[]): void {
    emit("text", text, out);
  }

  function emit(type: ReasoningPiece["type"], text: string, out: ReasoningPiece[]): void {
    const kept = trims ? text.trimStart() : text;
    if (kept === "") return;
    trims = false;
    out.push({ type, text: kept });
  }

  const take = { before: takeBefore, inside: takeInside, answer: takeAnswer };
  return {
    push: (text) => {
      const out: ReasoningPiece[] = [];
      if (text !== "") take[phase](text, out);
      return out;
    },
    end: () => {
      const out: ReasoningPiece[] = [];
      if (phase === "inside") emit("reasoning", held.trimEnd(), out);
      else emit("text", held, out);
      held = "";
      return out;
    },
    get isInside() {
      return phase === "inside";
    },
  };
}
