/** What a column's numbers are written with: 1,234.5 or 1.234,5. */
export type Decimal = "." | ",";

const WRITTEN: Readonly<Record<Decimal, RegExp>> = {
  ".": /^(?:0|[1-9]\d{0,2}(?:[, ]\d{3})+|[1-9]\d*)?(?:\.\d+)?(?:e[+-]?\d{1,3})?$/i,
  ",": /^(?:0|[1-9]\d{0,2}(?:[. ]\d{3})+|[1-9]\d*)?(?:,\d+)?(?:e[+-]?\d{1,3})?$/i,
};
const MONEY = /^[$€£¥₹₽]\s?|\s?(?:[$€£¥₹₽%]|元)$/g;
const MOST_CHARACTERS = 40;

/** A cell as a number, its currency or % left out, (5) being -5; undefined for words, and for codes such as 007. */
export function numberOf(cell: string, decimal: Decimal): number | undefined {
  if (cell.length > MOST_CHARACTERS) return undefined;
  const text = cell
    .trim()
    .replace(/[\u00a0\u202f]/g, " ")
    .replace("−", "-");
  const inBrackets = /^\((.+)\)$/.exec(text)?.[1];
  const bare = (inBrackets ?? text).replace(MONEY, "");
  const isNegative = inBrackets !== undefined || bare.startsWith("-");
  const digits = bare.replace(/^[+-]/, "").replace(MONEY, "");
  if (digits === "" || !WRITTEN[decimal].test(digits)) return undefined;
  const plain = decimal === "." ? digits.replace(/[, ]/g, "") : digits.replace(/[. ]/g, "").replace(",", ".");
  const value = Number(plain);
  if (!Number.isFinite(value)) return undefined;
  return isNegative ? -value : value;
}

/** The way that more of a column's cells are numbers in; a point where both are as good. */
export function decimalOf(cells: readonly string[]): Decimal {
  const count = (decimal: Decimal): number => cells.filter((cell) => numberOf(cell, decimal) !== undefined).length;
  return count(",") > count(".") ? "," : ".";
}
