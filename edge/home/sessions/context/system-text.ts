import type { Message } from "../../../../shared/inference/request.ts";
import type { Trace } from "./trace.ts";

type Parts = Pick<Trace, "instructions" | "facts" | "summary"> & { pieces: Trace["retrieval"]["pieces"] };

/** What is known beside the turns, as the one system message that every template takes; none where there is nothing to say. */
export function systemMessage({ instructions, facts, summary, pieces }: Parts): Message[] {
  const parts = [
    instructions,
    facts,
    summary === null ? "" : `What was said earlier in this conversation, in short:\n${summary.text}`,
    pieces.length === 0 ? "" : `From earlier in this conversation, word for word:\n${pieces.map(quoted).join("\n\n")}`,
  ];
  const content = parts.filter((part) => part !== "").join("\n\n");
  return content === "" ? [] : [{ role: "system", content }];
}

/** People count turns from 1. */
function quoted({ index, text }: { index: number; text: string }): string {
  return `[turn ${index + 1}]\n${text}`;
}
