import { createDetokenizer } from "./detokenizer.ts";
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
}

/** Stages: tokens -> whole characters -> text before a stop string -> text and, if `tools`, calls. */
export function createOutput(options: { tokenizer: Tokenizer; stop: readonly string[]; tools: boolean }): Output {
  const detokenizer = createDetokenizer(options.tokenizer);
  const stopFilter = createStopFilter(options.stop);
  const calls = options.tools ? createToolCallParser() : null;
  const parse = (text: string): OutputPiece[] => {
    if (text === "") return [];
    return calls === null ? [{ type: "text", text }] : calls.push(text);
  };
  return {
    push: (id) => parse(stopFilter.push(detokenizer.push(id))),
    end: () => [...parse(stopFilter.end()), ...(calls?.end() ?? [])],
    get stopped() {
      return stopFilter.stopped;
    },
    get stoppedBy() {
      return stopFilter.stoppedBy;
    },
  };
}
