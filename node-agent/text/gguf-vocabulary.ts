/** A map without a prototype: tokens are named as their authors please. */
export function vocabulary(pieces: readonly (readonly [string, number])[]): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  for (const [token, id] of pieces) vocab[token] = id;
  return vocab;
}
