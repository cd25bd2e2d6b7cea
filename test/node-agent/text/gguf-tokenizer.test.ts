import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseGgufHeader } from "../../../node-agent/model/gguf/header.ts";
import { checkGgufTokenizer, ggufTokenizerFiles } from "../../../node-agent/text/gguf-tokenizer.ts";
import { loadTextTools } from "../../../node-agent/text/load.ts";
import { createTokenizer } from "../../../node-agent/text/tokenizer.ts";
import { readReferences, STARTER } from "../../support/engine-starter.ts";
import { tokenizerMetadata } from "../../support/gguf-starter.ts";
import { encodeGguf, type ValueToWrite } from "../../support/gguf-writer.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const STARTER_METADATA = await tokenizerMetadata();
const original = await loadTextTools(STARTER);

function metadataOf(values: Record<string, ValueToWrite>) {
  const bytes = encodeGguf({ metadata: values });
  return parseGgufHeader(bytes, bytes.length, "test.gguf").metadata;
}

function tokenizerOf(values: Record<string, ValueToWrite>) {
  const files = ggufTokenizerFiles(metadataOf(values), "test.gguf");
  return createTokenizer(files.tokenizer, files.config);
}

describe("the starter's tokenizer from a GGUF file", () => {
  const tokenizer = tokenizerOf(STARTER_METADATA);

  test("gives the ids that an independent implementation gave", async () => {
    for (const { prompt, prompt_ids } of await readReferences()) expect(tokenizer.encode(prompt)).toEqual(prompt_ids);
  });

  test("encodes any text and decodes any token as the folder's does", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("<|im_end|>", "<tool_call>x"));
    fc.assert(
      fc.property(text, (some) => {
        expect(tokenizer.encode(some)).toEqual(original.tokenizer.encode(some));
      }),
    );
    for (let id = 0; id < 4100; id++) expect(tokenizer.bytesOf(id)).toEqual(original.tokenizer.bytesOf(id));
    expect(tokenizer.added).toEqual(original.tokenizer.added);
  });

  test("renders the same prompts", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "tokenizer.gguf");
    await writeFile(path, encodeGguf({ metadata: STARTER_METADATA }));
    const { template } = await loadTextTools(path);
    const tools = [{ name: "look_up", description: "Looks up.", parameters: { type: "object", properties: {} } }];
    for (const offered of [[], tools]) {
      const messages = [{ role: "user", content: "Hi" }] as const;
      expect(template.render(messages, offered)).toBe(original.template.render(messages, offered));
    }
  });
});

/** A byte-level vocabulary without merges: pieces of text are cut into bytes, but what is a token as a whole shows how it was cut. */
function cutsOf(kind: string, text: string, whole: readonly string[]): string[] {
  const letters = [...new Set(Array.from(text.replaceAll(" ", "Ġ")))];
  const tokens = [...new Set([...letters, ...whole])];
  // Each whole word is merged from the left.
  const merges = whole.flatMap((word) =>
    Array.from(word)
      .slice(1)
      .map((_, i) => word.slice(0, i + 1))
      .map((left) => `${left} ${word[left.length] ?? ""}`),
  );
  const parts = whole.flatMap((word) => Array.from(word, (_, i) => word.slice(0, i + 1)));
  const vocabulary = [...new Set([...tokens, ...parts])];
  const tokenizer = tokenizerOf({
    "tokenizer.ggml.model": { text: "gpt2" },
    "tokenizer.ggml.pre": { text: kind },
    "tokenizer.ggml.tokens": { texts: vocabulary },
    "tokenizer.ggml.merges": { texts: [...new Set(merges)] },
  });
  return tokenizer.encode(text).map((id) => vocabulary[id] ?? "?");
}

describe("each rule cuts numbers and words in its own way", () => {
  // Digits and words that could be merged whole if nothing cut them.
  test.each([
    ["gpt-2", ["a", "Ġ12345"]],
    ["llama-bpe", ["a", "Ġ", "123", "45"]],
    ["qwen2", ["a", "Ġ", "1", "2", "3", "4", "5"]],
    ["smollm", ["a", "Ġ", "1", "2", "3", "4", "5"]],
    ["default", ["a", "Ġ", "123", "45"]],
  ])("%s", (kind, expected) => {
    expect(cutsOf(kind, "a 12345", ["Ġ12345", "12345", "123", "45"])).toEqual(expected);
  });

  test.each([
    ["gpt-2", ["I", "'", "LL"]],
    ["llama-bpe", ["I", "'LL"]],
    ["qwen2", ["I", "'LL"]],
  ])("%s knows contractions, in capitals or not", (kind, expected) => {
    expect(cutsOf(kind, "I'll", ["I'll", "'ll"])).toEqual(["I", "'ll"]);
    expect(cutsOf(kind, "I'LL", ["I'LL", "'LL", "LL"])).toEqual(expected);
  });
});

describe("a SentencePiece vocabulary", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = ["▁", "h", "e", "l", "o", "he", "ll", "hell", "hello", "▁hello", "▁he", "w", "▁w"];
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...words];
  const scores = tokens.map((token) => -tokens.indexOf(token));
  const types = tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1));
  const values: Record<string, ValueToWrite> = {
    "tokenizer.ggml.model": { text: "llama" },
    "tokenizer.ggml.tokens": { texts: tokens },
    "tokenizer.ggml.scores": { f32s: scores },
    "tokenizer.ggml.token_type": { i32s: types },
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.unknown_token_id": { u32: 0 },
  };
  const encode = (text: string, more: Record<string, ValueToWrite> = {}) =>
    tokenizerOf({ ...values, ...more })
      .encode(text)
      .map((id) => tokens[id]);

  test("merges by score, and puts a space first", () => {
    expect(encode("hello w")).toEqual(["▁hello", "▁w"]);
    expect(encode("hello", { "tokenizer.ggml.add_space_prefix": { bool: false } })).toEqual(["hello"]);
  });

  test("falls back to bytes, and knows control tokens", () => {
    expect(encode("é")).toEqual(["▁", "<0xC3>", "<0xA9>"]);
    expect(encode("<s>")).toEqual(["<s>"]);
  });

  test("decodes to text without the first space", () => {
    const tokenizer = tokenizerOf(values);
    const text = Buffer.concat(tokenizer.encode("hello é").map((id) => tokenizer.bytesOf(id))).toString("utf8");
    expect(text).toBe(" hello é");
    expect(tokenizer.leadingSpaces).toBe(1);
  });
});

describe("what cannot be used is refused by name", () => {
  test.each([
    ["no tokenizer", {}, /tokenizer\.ggml/],
    ["another kind of model", { ...STARTER_METADATA, "tokenizer.ggml.model": { text: "bert" } }, /gpt2/],
    ["an unknown rule", { ...STARTER_METADATA, "tokenizer.ggml.pre": { text: "tekken" } }, /"tekken".*Supported are/],
    ["no tokens", { ...STARTER_METADATA, "tokenizer.ggml.tokens": { texts: [] } }, /tokens/],
    ["tokens that are numbers", { ...STARTER_METADATA, "tokenizer.ggml.tokens": { i32s: [1] } }, /tokens/],
    [
      "fewer types than tokens",
      { ...STARTER_METADATA, "tokenizer.ggml.token_type": { i32s: [1] } },
      /4096 tokens and 1/,
    ],
  ] satisfies [string, Record<string, ValueToWrite>, RegExp][])("%s", (_, values, message) => {
    const metadata = metadataOf(values);
    expect(() => checkGgufTokenizer(metadata, "test.gguf")).toThrow(message);
    expect(() => ggufTokenizerFiles(metadata, "test.gguf")).toThrow(
      expect.objectContaining({ code: "model_load_failed" }),
    );
  });

  test("a merge of one piece", () => {
    const metadata = metadataOf({ ...STARTER_METADATA, "tokenizer.ggml.merges": { texts: ["ab"] } });
    expect(() => ggufTokenizerFiles(metadata, "test.gguf")).toThrow(/not of two pieces/);
  });

  test("tokens named like parts of an object are only tokens", () => {
    const tokenizer = tokenizerOf({
      "tokenizer.ggml.model": { text: "gpt2" },
      "tokenizer.ggml.pre": { text: "gpt-2" },
      "tokenizer.ggml.tokens": { texts: ["__proto__", "constructor", "a"] },
    });
    expect(tokenizer.encode("a")).toEqual([2]);
    expect(Buffer.from(tokenizer.bytesOf(1)).toString()).toBe("constructor");
  });
});
