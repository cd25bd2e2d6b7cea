/** Arguments of one call of String.fromCharCode: well under what every engine takes. */
const PIECE_BYTES = 0x2000;

/** Base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(start, start + PIECE_BYTES));
  }
  return btoa(binary);
}

/** The bytes of a base64 text. Throws a DOMException for what is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Numbers as base64 of their float32 bytes, least significant byte first: the order of every machine there is. */
export function floatsToBase64(values: Float32Array): string {
  return toBase64(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** The numbers of `floatsToBase64`. Throws a DOMException or a RangeError for what are none. */
export function floatsFromBase64(text: string): Float32Array<ArrayBuffer> {
  return new Float32Array(fromBase64(text).buffer);
}
