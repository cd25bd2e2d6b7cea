const PREFIX = "plk_live_";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS = 30;
const CHECK_CHARACTERS = 6;
const SHAPE = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECK_CHARACTERS}}$`);
/** How much of a key may be shown to tell it from others. */
const SHOWN_CHARACTERS = PREFIX.length + 4;

const utf8 = new TextEncoder();

/** A new API key: `plk_live_`, 30 random base62 characters (178 bits), 6 of CRC-32 so that scanners can tell one offline. */
export function createApiKey(): string {
  const body = PREFIX + randomBase62(RANDOM_CHARACTERS);
  return body + checksum(body);
}

/** Whether `text` can be a key at all: checked before anything is asked of the database. */
export function isApiKey(text: string): boolean {
  if (!SHAPE.test(text)) return false;
  const body = text.slice(0, -CHECK_CHARACTERS);
  return checksum(body) === text.slice(-CHECK_CHARACTERS);
}

/** The beginning of a key, for lists. */
export function shownPrefix(key: string): string {
  return key.slice(0, SHOWN_CHARACTERS);
}

function randomBase62(length: number): string {
  let text = "";
  while (text.length < length) {
    const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
    // 248 is the largest multiple of 62 in a byte: taking the rest too would favour some characters.
    if (byte < 248) text += DIGITS[byte % 62];
  }
  return text;
}

function checksum(text: string): string {
  let rest = crc32(utf8.encode(text));
  let digits = "";
  for (let i = 0; i < CHECK_CHARACTERS; i++) {
    digits = DIGITS[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** CRC-32 as in ISO 3309 and zip: reflected polynomial 0xEDB88320. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
