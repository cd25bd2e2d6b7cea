import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";

/** A step of the `decoder` of a tokenizer.json, as far as a stream of tokens can be decoded by it. */
const stepSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ByteLevel") }),
  z.object({ type: z.literal("ByteFallback") }),
  z.object({ type: z.literal("Fuse") }),
  z.object({ type: z.literal("Replace"), pattern: z.object({ String: z.string() }), content: z.string() }),
  z.object({
    type: z.literal("Metaspace"),
    replacement: z.string().default("▁"),
    prepend_scheme: z.string().optional(),
  }),
  z.object({ type: z.literal("Strip"), content: z.literal(" "), start: z.number(), stop: z.literal(0) }),
]);
type Step = z.infer<typeof stepSchema>;

const decoderSchema = z.union([
  z.object({ type: z.literal("Sequence"), decoders: z.array(stepSchema) }).transform((sequence) => sequence.decoders),
  stepSchema.transform((step) => [step]),
]);

/** How the tokens of one vocabulary become bytes of UTF-8 text. */
export interface ByteDecoder {
  /** The bytes of a token of the model's vocabulary; they may be part of a character. */
  bytesOf(token: string): Uint8Array;
  /** Spaces to take off the start of the whole text. */
  leadingSpaces: number;
}

/**
 * Reads the `decoder` of a tokenizer.json. Byte-level vocabularies (GPT-2, Llama 3, Qwen) and SentencePiece ones with byte
 * fallback (Llama 2, Mistral, Gemma) are covered; throws `model_load_failed` for another kind.
 */
export function createByteDecoder(config: unknown): ByteDecoder {
  const parsed = decoderSchema.safeParse(config);
  if (!parsed.success) {
    throw new PorchlightError(
      "model_load_failed",
      "The model's tokenizer.json has a decoder of a kind that is not supported: use a byte-level or SentencePiece model.",
    );
  }
  const steps = parsed.data;
  if (steps.some((step) => step.type === "ByteLevel")) return { bytesOf: byteLevelBytes, leadingSpaces: 0 };
  const hasByteTokens = steps.some((step) => step.type === "ByteFallback");
  return {
    bytesOf: (token) => {
      const byte = hasByteTokens ? /^<0x([0-9A-Fa-f]{2})>$/u.exec(token)?.[1] : undefined;
      if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
      return utf8.encode(steps.reduce(replaceIn, token));
    },
    leadingSpaces: steps.reduce((spaces, step) => spaces + leadingSpacesOf(step), 0),
  };
}

const utf8 = new TextEncoder();

function replaceIn(token: string, step: Step): string {
  if (step.type === "Replace") return token.replaceAll(step.pattern.String, step.content);
  if (step.type === "Metaspace") return token.replaceAll(step.replacement, " ");
  return token;
}

function leadingSpacesOf(step: Step): number {
  if (step.type === "Strip") return step.start;
  return step.type === "Metaspace" && step.prepend_scheme !== "never" ? 1 : 0;
}

/** The byte of each character of a byte-level vocabulary: GPT-2's `bytes_to_unicode`, turned around. */
const byteOfCharacter = ((): ReadonlyMap<string, number> => {
  const map = new Map<string, number>();
  let shifted = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    map.set(String.fromCodePoint(printable ? byte : shifted++), byte);
  }
  return map;
})();

function byteLevelBytes(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => byteOfCharacter.get(character));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : utf8.encode(token);
}
