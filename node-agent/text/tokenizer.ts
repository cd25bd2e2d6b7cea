import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { openLibraryTokenizer } from "./library-tokenizer.ts";
import { SEAM } from "./seam.ts";
import { specialTokenSchema } from "./special-token.ts";
import { createByteDecoder } from "./token-bytes.ts";

const tokenizerFileSchema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({ id: z.number().int().nonnegative(), content: z.string(), special: z.boolean().default(false) }),
  ),
  decoder: z.unknown(),
});

const tokenizerConfigSchema = z.looseObject({ eos_token: specialTokenSchema });

/** Text to token ids, and token ids to bytes of text. */
export interface Tokenizer {
  /** Token ids of rendered prompt text. Control tokens are recognised, except across a seam (see seam.ts); none is added. */
  encode(text: string): number[];
  /** UTF-8 bytes of one token, possibly part of a character; empty for control tokens and ids outside of the vocabulary. */
  bytesOf(id: number): Uint8Array;
  /** The token that ends a text, if tokenizer_config.json names one. */
  readonly endToken: number | undefined;
  /** Spaces that decoding takes off the start of a text. */
  readonly leadingSpaces: number;
  /** Spellings of the tokens that are not made of the vocabulary's pieces; `control` are those that never show in a text. */
  readonly added: { readonly control: readonly string[]; readonly all: readonly string[] };
}

/** @param file contents of tokenizer.json @param config contents of tokenizer_config.json; both parsed JSON. */
export function createTokenizer(file: unknown, config: object): Tokenizer {
  const parsed = tokenizerFileSchema.safeParse(file);
  if (!parsed.success) {
    throw new PorchlightError("model_load_failed", "The model's tokenizer.json is not in the Hugging Face format.");
  }
  const addedTokens = parsed.data.added_tokens;
  const { library, encode } = openLibraryTokenizer(parsed.data, config);
  const decoder = createByteDecoder(parsed.data.decoder);
  const end = tokenizerConfigSchema.safeParse(config);
  const bytesById = new Map<number, Uint8Array>();
  const utf8 = new TextEncoder();
  for (const token of addedTokens) {
    bytesById.set(token.id, token.special ? new Uint8Array() : utf8.encode(token.content));
  }

  return {
    encode: (text) => text.split(SEAM).flatMap((part) => (part === "" ? [] : encode(part, false))),
    bytesOf: (id) => {
      let bytes = bytesById.get(id);
      if (bytes === undefined) {
        const token = library.id_to_token(id);
        bytes = token === undefined ? new Uint8Array() : decoder.bytesOf(token);
        bytesById.set(id, bytes);
      }
      return bytes;
    },
    endToken: end.success && end.data.eos_token !== "" ? library.token_to_id(end.data.eos_token) : undefined,
    leadingSpaces: decoder.leadingSpaces,
    added: {
      control: addedTokens.filter((token) => token.special).map((token) => token.content),
      all: addedTokens.map((token) => token.content),
    },
  };
}
