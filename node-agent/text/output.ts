import { createDetokenizer } from "./detokenizer.ts";
import { createReasoningSplitter } from "./reasoning.ts";
import { createStopFilter } from "./stop-filter.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { createToolCallParser, type OutputPiece } from "./tool-call-parser.ts";

/** From the token ids of one answer to its text and tool calls. */
export interface Output {
  push(id: number): OutputPiece[];
  /** What was held back, once no more tokens come. */
  end(): OutputPiece[];
  /** True once a stop string was seen: generation should end. */
  readonly stopped: boolean;
  /** That stop string. */
  readonly stoppedBy: string | undefined;
  /** Whether the last token was a thought. */
  readonly isReasoning: boolean;
}

export interface OutputOptions {
  tokenizer: Tokenizer;
  stop: readonly string[];
  tools: boolean;
  /** Whether the model thinks before it answers, and then whether the prompt ended inside of its thoughts. */
  reasoning: { isOpen: boolean } | null;
}

/**
 * Stages: tokens -> whole characters -> thoughts, if `reasoning`, and the rest -> text before a stop string -> text and, if `tools`, calls.
 * Stop strings and calls are not looked for in thoughts.
 */
export function createOutput(options: OutputOptions): Output {
  const detokenizer = createDetokenizer(options.tokenizer);
  const thoughts = options.reasoning === null ? null : createReasoningSplitter(options.reasoning.isOpen);
  const stopFilter = createStopFilter(options.stop);
  const calls = options.tools ? createToolCallParser() : null;
  let isReasoning = thoughts?.isInside ?? false;
  const parseText = (text: string): OutputPiece[] => {
    if (text === "") return [];
    return calls === null ? [{ type: "text", text }] : calls.push(text);
  };
  const parse = (pieces: readonly OutputPiece[]): OutputPiece[] =>
    pieces.flatMap((piece) => (piece.type === "text" ? parseText(stopFilter.push(piece.text)) : [piece]));
  return {
    push: (id) => {
      isReasoning = thoughts?.isInside ?? false;
      const text = detokenizer.push(id);
      if (thoughts === null) return parseText(stopFilter.push(text));
      const pieces = parse(thoughts.push(text));
      isReasoning ||= thoughts.isInside;
      return pieces;
    },
    end: () => [...parse(thoughts?.end() ?? []), ...parseText(stopFilter.end()), ...(calls?.end() ?? [])],
    get stopped() {
      return stopFilter.stopped;
    },
    get stoppedBy() {
      return stopFilter.stoppedBy;
    },
    get isReasoning() {
      return isReasoning;
    },
  };
}
