import { z } from "zod";
import type { GenerateRequest, Message } from "../../../shared/inference/request.ts";

/** One beginning of a prompt: whoever has computed it need not compute these characters again. */
export interface PrefixKey {
  /** Of the model, the tools and every character up to here. */
  hash: string;
  /** Characters of the conversation up to here. */
  characters: number;
}

/** Of the messages' ends, so many of the first and of the last are kept: a conversation grows at its end, and shares its beginning. */
const FIRST_ENDS = 8;
const LAST_ENDS = 48;
/** Within long texts, a key at 2 Ki characters and at every power of two above: a document that several questions share. */
const FIRST_BLOCK = 2048;
const MAX_KEYS = 80;

/**
 * Keys of the beginnings of a request's prompt, short ones first; each hashes everything before it, so that equal keys mean equal
 * beginnings. A request that goes on from another shares the other's last key, and any change to model, tools or an earlier message
 * changes all keys after it.
 */
export function prefixKeys({
  model,
  tools,
  messages,
}: Pick<GenerateRequest, "model" | "tools" | "messages">): PrefixKey[] {
  const hash = new PrefixHash();
  hash.add(JSON.stringify([model, tools ?? []]));
  const blocks: PrefixKey[] = [];
  const ends: PrefixKey[] = [];
  let characters = 0;
  let nextBlock = FIRST_BLOCK;
  for (const message of messages) {
    const text = textOf(message);
    let from = 0;
    while (characters + text.length - from >= nextBlock) {
      const to = from + nextBlock - characters;
      hash.add(text, from, to);
      characters = nextBlock;
      from = to;
      nextBlock *= 2;
      blocks.push({ hash: `B${hash.digest()}`, characters });
    }
    hash.add(text, from);
    characters += text.length - from;
    ends.push({ hash: hash.digest(), characters });
  }
  const kept = ends.filter((_, at) => at < FIRST_ENDS || at >= ends.length - LAST_ENDS);
  return [...blocks, ...kept].toSorted((a, b) => a.characters - b.characters);
}

/** The keys under which a prompt is remembered: its whole, its first message, and its blocks. Later turns begin with the whole. */
export function rememberedKeys(keys: readonly PrefixKey[]): PrefixKey[] {
  const ends = keys.filter(({ hash }) => !hash.startsWith("B"));
  const chosen = new Set([...keys.filter(({ hash }) => hash.startsWith("B")), ...ends.slice(0, 1), ...ends.slice(-1)]);
  return [...chosen];
}

const keySchema = z
  .string()
  .regex(/^B?[0-9a-z]{1,14}:[0-9]{1,8}$/)
  .transform((text): PrefixKey => {
    const [hash = "", characters] = text.split(":");
    return { hash, characters: Number(characters) };
  });

/** Keys as a header's value. */
export const prefixHeaderSchema = z
  .string()
  .max(MAX_KEYS * 26)
  .transform((text) => (text === "" ? [] : text.split(",")))
  .pipe(z.array(keySchema).max(MAX_KEYS));

export function encodePrefixKeys(keys: readonly PrefixKey[]): string {
  return keys.map(({ hash, characters }) => `${hash}:${characters}`).join(",");
}

/** What of a message enters the prompt. The lengths keep two different messages from giving one text. */
function textOf(message: Message): string {
  const { role, content } = message;
  const text = `${role}:${content.length}:${content}`;
  if (role === "tool") return `${text}${message.toolCallId}\n`;
  if (role !== "assistant") return `${text}\n`;
  const { toolCalls = [], reasoning = "" } = message;
  return `${text}${toolCalls.length === 0 ? "" : JSON.stringify(toolCalls)}${reasoning}\n`;
}

/**
 * A running hash of 64 bits, of which 53 are told: two lanes of FNV-1a with different primes and a final mix. A collision would only
 * send a request to a machine that has to compute more, so it need not resist anybody.
 */
class PrefixHash {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  add(text: string, from = 0, to = text.length): void {
    let [a, b] = [this.#a, this.#b];
    for (let i = from; i < to; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x5bd1e995);
      b ^= b >>> 15;
    }
    this.#a = a;
    this.#b = b;
  }

  digest(): string {
    const high = mix(this.#a ^ (this.#b >>> 7)) >>> 11;
    const low = mix(this.#b ^ (this.#a << 9)) >>> 0;
    return (high * 2 ** 32 + low).toString(36);
  }
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
