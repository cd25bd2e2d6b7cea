import { vocabulary } from "./gguf-vocabulary.ts";

/** A SentencePiece vocabulary as a GGUF file has it. */
export interface SentencePieces {
  pieces: readonly { token: string; id: number; score: number }[];
  unknown: string | undefined;
  /** A space goes before the text. */
  spacePrefix: boolean;
}

const SPACE = "▁";

/**
 * The parts of a tokenizer.json that make a BPE with byte fallback of a SentencePiece vocabulary, in the way of Hugging Face's
 * converter: any two pieces that make a third are a merge, and the higher the third's score, the earlier it is done.
 */
export function sentencePieceModel({ pieces, unknown, spacePrefix }: SentencePieces): object {
  const replace = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const prefix = spacePrefix ? [{ type: "Prepend", prepend: SPACE }] : [];
  const strip = spacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  const unreplace = { type: "Replace", pattern: { String: SPACE }, content: " " };
  return {
    normalizer: { type: "Sequence", normalizers: [...prefix, replace] },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [unreplace, { type: "ByteFallback" }, { type: "Fuse" }, ...strip],
    },
    model: {
      type: "BPE",
      unk_token: unknown ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocabulary(pieces.map(({ token, id }) => [token, id])),
      merges: mergesOf(pieces),
    },
  };
}

function mergesOf(pieces: SentencePieces["pieces"]): [string, string][] {
  const ids = new Map(pieces.map(({ token, id }) => [token, id]));
  const merges = pieces.flatMap(({ token, score }) => {
    const characters = Array.from(token);
    const found: { pair: [string, string]; score: number; left: number; right: number }[] = [];
    for (let cut = 1; cut < characters.length; cut++) {
      const pair: [string, string] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
      const [left, right] = [ids.get(pair[0]), ids.get(pair[1])];
      if (left !== undefined && right !== undefined) found.push({ pair, score, left, right });
    }
    return found.toSorted((a, b) => a.left - b.left || a.right - b.right);
  });
  // Sorting keeps the order of equals, so that the earlier token goes first.
  return merges.toSorted((a, b) => b.score - a.score).map(({ pair }) => pair);
}
