import type { Tokenizer } from "./tokenizer.ts";

/** Turns the tokens of one answer into text as they come. */
export interface Detokenizer {
  /** The whole characters that `id` completes; often "". */
  push(id: number): string;
}

/**
 * Works on bytes, so its cost is linear and its output does not depend on how characters are spread over tokens. Bytes of an
 * unfinished character are held back, for ever if the answer ends there; bytes that are not UTF-8 become U+FFFD.
 */
export function createDetokenizer(tokenizer: Pick<Tokenizer, "bytesOf" | "leadingSpaces">): Detokenizer {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let spacesToStrip = tokenizer.leadingSpaces;
  return {
    push: (id) => {
      let text = decoder.decode(tokenizer.bytesOf(id), { stream: true });
      while (spacesToStrip > 0 && text !== "") {
        spacesToStrip = text.startsWith(" ") ? spacesToStrip - 1 : 0;
        if (text.startsWith(" ")) text = text.slice(1);
        else break;
      }
      return text;
    },
  };
}
