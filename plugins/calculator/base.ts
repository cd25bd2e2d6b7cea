const PREFIXES: Readonly<Record<string, number>> = { "0x": 16, "0b": 2, "0o": 8 };

/** A whole number of any length in another base. Throws RangeError for a digit that the base has not. */
export function convertBase(text: string, from: number, to: number): string {
  const plain = text
    .trim()
    .toLowerCase()
    .replace(/[\s_,]/g, "");
  const isNegative = plain.startsWith("-");
  const unsigned = isNegative ? plain.slice(1) : plain;
  const said = from === 16 && unsigned.startsWith("0b") ? undefined : PREFIXES[unsigned.slice(0, 2)];
  const base = BigInt(said ?? from);
  const digits = said === undefined ? unsigned : unsigned.slice(2);
  if (digits === "") throw new RangeError("There is no number.");
  let value = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (!(worth < base))
      throw new RangeError(`'${digit}' is not a digit of base ${base}. Only whole numbers are converted.`);
    value = value * base + BigInt(worth);
  }
  return (isNegative ? -value : value).toString(to);
}
