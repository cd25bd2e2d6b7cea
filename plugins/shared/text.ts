/** Tried in turn where bytes are not UTF-8: what Chinese and then Western programs wrote before it. */
const OLDER = ["gb18030", "windows-1252"] as const;
const HAN_OF_ALL = 0.5;

/**
 * The text of a file's bytes, by its byte order mark, by `charset` where one is named, as UTF-8 or as older programs wrote it.
 * Throws RangeError for what is no text.
 */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  const named = charset === undefined ? undefined : decoded(bytes, charset, false);
  if (named !== undefined && !isUtf8(charset)) return named;
  const text = decoded(bytes, "utf-8", true) ?? older(bytes) ?? named;
  if (text === undefined) throw new RangeError("This is not a text in a character set that is known here.");
  return text;
}

function older(bytes: Uint8Array): string | undefined {
  const [chinese, western] = OLDER;
  const text = decoded(bytes, chinese, true);
  const unusual = text?.replace(/\p{ASCII}/gu, "") ?? "";
  const han = unusual.match(/[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/gu)?.length ?? 0;
  return text !== undefined && han >= unusual.length * HAN_OF_ALL ? text : decoded(bytes, western, false);
}

function decoded(bytes: Uint8Array, charset: string, fatal: boolean): string | undefined {
  try {
    return new TextDecoder(charset, { fatal }).decode(bytes);
  } catch {
    return undefined; // not of this character set, or one that nobody knows
  }
}

function isUtf8(charset: string | undefined): boolean {
  return charset !== undefined && /^utf-?8$/i.test(charset.trim());
}

/** The first so many characters, none of them cut in half. */
export function cut(text: string, most: number): string {
  return text.slice(0, most).replace(/[\ud800-\udbff]$/, "");
}
