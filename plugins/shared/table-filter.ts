import { type Cell, type Column, cellNumber, columnIndex, isFilled, type Table } from "./table.ts";

type Test = (row: readonly Cell[]) => boolean;

const OPERATOR = /^\s*(!=|<>|>=|<=|==|=|>|<|(?:not contains|contains|starts with)(?=\s)|is (?:not )?empty\b)\s*/i;
const MOST_CONDITIONS = 8;

/**
 * Conditions such as `price > 10 and city = "New York"` as a test of rows. A value may stand in quotes. Throws RangeError, with how they
 * are written, for others.
 */
export function filterOf(table: Table, where: string | undefined): Test {
  const tests: Test[] = [];
  let rest = where?.trim() ?? "";
  while (rest !== "") {
    if (tests.length === MOST_CONDITIONS) throw new RangeError(`At most ${MOST_CONDITIONS} conditions at once.`);
    const { index, operator, after } = head(table, rest);
    const [value, next] = valueOf(table, after);
    tests.push(testOf(index, table.columns[index] as Column, operator, value)); // an index that was found there
    rest = next;
  }
  return (row) => tests.every((test) => test(row));
}

function head(table: Table, text: string): { index: number; operator: string; after: string } {
  const found = start(table, text);
  if (found !== undefined) return found;
  const [name = "", written] = text.split(/\s*(!=|<>|[<>=]|\bcontains\b)/);
  if (written !== undefined) columnIndex(table, name); // says which columns there are
  throw new RangeError(
    `'${text.slice(0, 100)}' is no condition. Write: COLUMN = VALUE, with =, !=, >, >=, <, <=, contains, starts with or is empty; 'and' between several.`,
  );
}

/** A column's name, quoted or not, and an operator. Of several names that fit the longest. */
function start({ columns }: Table, text: string): { index: number; operator: string; after: string } | undefined {
  const lower = text.toLowerCase();
  let best: { index: number; operator: string; after: string; length: number } | undefined;
  for (const [index, { name }] of columns.entries()) {
    const forms = [name, `"${name}"`, `'${name}'`, `\`${name}\``, `[${name}]`];
    const form = forms.find((one) => lower.startsWith(one.toLowerCase()));
    if (form === undefined || form.length <= (best?.length ?? 0)) continue;
    const operator = OPERATOR.exec(text.slice(form.length));
    if (operator === null) continue;
    const after = text.slice(form.length + operator[0].length);
    best = { index, operator: (operator[1] ?? "").toLowerCase(), after, length: form.length };
  }
  return best;
}

/** A value, and the conditions behind it: an 'and' that no condition follows belongs to the value. */
function valueOf(table: Table, text: string): [value: string, rest: string] {
  const quoted = /^(["'])(.*?)\1\s*(?:$|and\s+)/is.exec(text);
  if (quoted !== null) return [quoted[2] ?? "", text.slice(quoted[0].length)];
  for (const { index, 0: and } of text.matchAll(/(?:^|\s)and\s+/gi)) {
    const rest = text.slice(index + and.length);
    if (start(table, rest) !== undefined) return [text.slice(0, index).trim(), rest];
  }
  return [text.trim(), ""];
}

function testOf(index: number, column: Column, operator: string, value: string): Test {
  if (operator === "is empty") return (row) => !isFilled(row[index]);
  if (operator === "is not empty") return (row) => isFilled(row[index]);
  const wanted = value.trim().toLowerCase();
  const text = (row: readonly Cell[]): string =>
    String(row[index] ?? "")
      .trim()
      .toLowerCase();
  if (operator === "contains") return (row) => text(row).includes(wanted);
  if (operator === "not contains") return (row) => !text(row).includes(wanted);
  if (operator === "starts with") return (row) => text(row).startsWith(wanted);
  const number = cellNumber(value, { ...column, decimal: "." }) ?? cellNumber(value, column);
  /** Below, at or above the value; undefined where they are not of one kind. */
  const order = (row: readonly Cell[]): number | undefined => {
    const own = number === undefined ? undefined : cellNumber(row[index], column);
    if (own !== undefined && number !== undefined) return own - number;
    if (!isFilled(row[index])) return wanted === "" ? 0 : undefined;
    if (number !== undefined && column.type === "number") return undefined;
    const one = text(row);
    return one === wanted ? 0 : one < wanted ? -1 : 1;
  };
  const holds: Readonly<Record<string, (row: readonly Cell[]) => boolean>> = {
    "=": (row) => order(row) === 0,
    "==": (row) => order(row) === 0,
    "!=": (row) => order(row) !== 0,
    "<>": (row) => order(row) !== 0,
    ">": (row) => (order(row) ?? Number.NaN) > 0,
    ">=": (row) => (order(row) ?? Number.NaN) >= 0,
    "<": (row) => (order(row) ?? Number.NaN) < 0,
    "<=": (row) => (order(row) ?? Number.NaN) <= 0,
  };
  return holds[operator] ?? (() => false);
}
