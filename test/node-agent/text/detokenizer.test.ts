import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { array as listOf, assert, integer, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetokenizer } from "../../../node-agent/text/detokenizer.ts";
import { createByteDecoder } from "../../../node-agent/text/token-bytes.ts";
import { createTokenizer } from "../../../node-agent/text/tokenizer.ts";
import { readStarterJson } from "../../support/engine-starter.ts";

const starterFile = await readStarterJson("tokenizer.json");
const starterConfig = await readStarterJson("tokenizer_config.json");

/** A SentencePiece vocabulary with byte fallback, in the manner of Llama 2: ▁ is a space, <0xNN> a byte. */
const sentencePieceFile = {
  version: "1.0",
  added_tokens: [{ id: 0, content: "</s>", special: true, normalized: false }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: null,
    fuse_unk: true,
    byte_fallback: true,
    ignore_merges: false,
    vocab: Object.fromEntries([
      ["</s>", 0],
      ...Array.from({ length: 256 }, (_, byte): [string, number] => [
        `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
        byte + 1,
      ]),
      ...["▁", "a", "b", "c", "é", "▁a", "ab", "▁▁"].map((piece, i): [string, number] => [piece, 257 + i]),
    ]),
    merges: ["▁ a", "a b", "▁ ▁"],
  },
};

const VOCABULARIES = [
  { name: "byte-level (starter)", file: starterFile, config: starterConfig, size: 4096 },
  { name: "SentencePiece with byte fallback", file: sentencePieceFile, config: {}, size: 265 },
];

describe.each(VOCABULARIES)("createDetokenizer, $name", ({ file, config, size }) => {
  const tokenizer = createTokenizer(file, config);
  const library = new HuggingFaceTokenizer(file, config);
  const stream = (ids: readonly number[]): string[] => {
    const detokenizer = createDetokenizer(tokenizer);
    return ids.map((id) => detokenizer.push(id));
  };

  it("gives the same text as decoding all at once", () => {
    assert(
      property(listOf(integer({ min: 0, max: size - 1 }), { minLength: 1, maxLength: 40 }), (ids) => {
        const whole = library.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
        const streamed = stream(ids).join("");
        // An unfinished character at the end is held back; the library writes U+FFFD for it.
        expect(whole.startsWith(streamed)).toBe(true);
        expect(whole.slice(streamed.length)).toMatch(/^\uFFFD?$/u);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  it("gives text back from its tokens in whole characters", () => {
    assert(
      property(string({ unit: "binary", maxLength: 30 }), (text) => {
        const pieces = stream(tokenizer.encode(text));
        for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
        expect(pieces.join("")).toBe(text.toWellFormed());
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  it("ignores ids outside of the vocabulary", () => {
    expect(stream([size + 5, 1_000_000])).toEqual(["", ""]);
  });
});

describe("createDetokenizer", () => {
  it("holds back the bytes of an unfinished character, and never more", () => {
    const tokenizer = createTokenizer(sentencePieceFile, {});
    const detokenizer = createDetokenizer(tokenizer);
    const bytes = [...new TextEncoder().encode("€😀")];
    expect(bytes.map((byte) => detokenizer.push(byte + 1))).toEqual(["", "", "€", "", "", "", "😀"]);
    expect(detokenizer.push(0xe2 + 1)).toBe("");
    expect(detokenizer.push(258)).toBe("\uFFFDa");
  });

  it("strips one leading space of a SentencePiece answer only", () => {
    const tokenizer = createTokenizer(sentencePieceFile, {});
    const detokenizer = createDetokenizer(tokenizer);
    expect([0, 264, 262, 262].map((id) => detokenizer.push(id))).toEqual(["", " ", " a", " a"]);
  });

  it("shows added tokens that are not control tokens, and hides those that are", () => {
    const tokenizer = createTokenizer(starterFile, starterConfig);
    const detokenizer = createDetokenizer(tokenizer);
    expect([4092, 4091, 4093].map((id) => detokenizer.push(id))).toEqual(["<tool_call>", "", "</tool_call>"]);
  });
});

describe("createByteDecoder", () => {
  it.each([null, { type: "WordPiece" }, { type: "Sequence", decoders: [{ type: "CTC" }] }])(
    "refuses a decoder it cannot stream: %j",
    (config) => {
      expect(() => createByteDecoder(config)).toThrow(expect.objectContaining({ code: "model_load_failed" }));
    },
  );

  it("reads a Metaspace decoder", () => {
    const decoder = createByteDecoder({ type: "Metaspace", replacement: "_", prepend_scheme: "always" });
    expect(new TextDecoder().decode(decoder.bytesOf("_a_"))).toBe(" a ");
    expect(decoder.leadingSpaces).toBe(1);
    expect(createByteDecoder({ type: "Metaspace", prepend_scheme: "never" }).leadingSpaces).toBe(0);
  });
});
