import { type Cell, type Column, cellNumber, columnIndex, isFilled, type Table } from "./table.ts";
import { filterOf } from "./table-filter.ts";
import { cut } from "./text.ts";

/** Parts of the inputs of tools that work on tables. */
export const WHERE = {
  type: "string",
  description: "Only rows for which this holds, e.g. 'price > 10 and city = Paris' or 'name contains ann'",
  maxLength: 500,
} as const;
const COLUMN = { type: "string", maxLength: 120 } as const;
export const ROWS = {
  where: WHERE,
  columns: { type: "string", description: "Names of columns, with commas between; all if left out", maxLength: 1_000 },
  sort: { ...COLUMN, description: "The column to sort by" },
  descending: { type: "boolean", description: "The largest first", default: false },
  start: { type: "integer", description: "How many rows are passed over", minimum: 0, default: 0 },
  limit: { type: "integer", description: "How many rows", minimum: 1, maximum: 100, default: 20 },
} as const;
export const SUMMARY = {
  what: {
    type: "string",
    description: "What is computed",
    enum: ["count", "sum", "mean", "median", "min", "max"],
    default: "count",
  },
  column: { ...COLUMN, description: "The column it is computed of; not needed for count" },
  by: { ...COLUMN, description: "The column to group by; one result for all rows if left out" },
  where: WHERE,
} as const;

const MOST_CELL = 200;
const MOST_SHOWN = 6_000;
const MOST_GROUPS = 40;
const MOST_COLUMNS_SHOWN = 60;
const EXAMPLES = 3;
const byText = new Intl.Collator(undefined, { numeric: true }).compare;

/** What stands in each column. */
export function describeTable(table: Table): object {
  const columns = table.columns.slice(0, MOST_COLUMNS_SHOWN).map((column, index) => {
    const cells = table.rows.map((row) => row[index]).filter(isFilled);
    const about = { name: column.name, type: column.type, empty: table.rows.length - cells.length };
    if (column.type === "number") {
      const numbers = numbersOf(cells, column);
      return {
        ...about,
        min: computed("min", numbers),
        max: computed("max", numbers),
        mean: computed("mean", numbers),
      };
    }
    const different = new Set(cells.map(String));
    return { ...about, different: different.size, examples: [...different].slice(0, EXAMPLES).map(shownText) };
  });
  return { rows: table.rows.length, columns, truncated: table.columns.length > columns.length };
}

export interface RowsWanted {
  where?: string | undefined;
  columns?: string | undefined;
  sort?: string | undefined;
  descending?: boolean | undefined;
  start?: number | undefined;
  limit?: number | undefined;
}

/** Some rows, as many as an answer holds. */
export function rowsOf(table: Table, { where, columns, sort, descending, start = 0, limit = 20 }: RowsWanted): object {
  const indexes = columns === undefined ? table.columns.map((_, index) => index) : chosen(table, columns);
  const found = table.rows.filter(filterOf(table, where));
  const ordered = sort === undefined ? found : sorted(found, table, columnIndex(table, sort), descending ?? false);
  const rows: (string | number | boolean | null)[][] = [];
  let size = 0;
  for (const row of ordered.slice(start, start + limit)) {
    const cells = indexes.map((index) => shownCell(row[index]));
    size += JSON.stringify(cells).length;
    if (rows.length > 0 && size > MOST_SHOWN) break;
    rows.push(cells);
  }
  const next = start + rows.length;
  return {
    columns: indexes.map((index) => table.columns[index]?.name),
    rows,
    count: found.length,
    truncated: next < found.length,
    ...(next < found.length && rows.length > 0 ? { next_start: next } : {}),
  };
}

export interface SummaryWanted {
  what?: "count" | "sum" | "mean" | "median" | "min" | "max" | undefined;
  column?: string | undefined;
  by?: string | undefined;
  where?: string | undefined;
}

/** One number of all rows, or of each group. Throws RangeError for columns of words. */
export function summaryOf(table: Table, { what = "count", column, by, where }: SummaryWanted): object {
  const rows = table.rows.filter(filterOf(table, where));
  if (what !== "count" && column === undefined)
    throw new RangeError(
      `Say in 'column' what the ${what} is of: ${table.columns
        .map(({ name }) => name)
        .join(", ")
        .slice(0, 500)}.`,
    );
  const index = column === undefined ? undefined : columnIndex(table, column);
  const one = (some: readonly Cell[][]): { value: number | null; numbers?: number } => {
    if (index === undefined) return { value: some.length };
    const cells = some.map((row) => row[index]).filter(isFilled);
    if (what === "count") return { value: cells.length };
    const numbers = numbersOf(cells, table.columns[index] as Column); // an index that was found there
    return numbers.length === cells.length
      ? { value: computed(what, numbers) }
      : { value: computed(what, numbers), numbers: numbers.length };
  };
  const whole = one(rows);
  if (whole.numbers === 0) throw new RangeError(`'${column}' holds no numbers here: only 'count' works on it.`);
  // What is no number was left out: the model must be able to say so.
  const about = { what, ...(column === undefined ? {} : { column }), rows: rows.length };
  if (by === undefined) return { ...about, ...whole };
  const key = columnIndex(table, by);
  const groups = Map.groupBy(rows, (row) => String(row[key] ?? "").trim());
  const all = [...groups].map(([group, some]) => ({ group: shownText(group), rows: some.length, ...one(some) }));
  const ordered = all.toSorted((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  return {
    ...about,
    by,
    groups: ordered.slice(0, MOST_GROUPS),
    count: all.length,
    truncated: all.length > MOST_GROUPS,
  };
}

function numbersOf(cells: readonly Cell[], column: Column): number[] {
  return cells.map((cell) => cellNumber(cell, column)).filter((number) => number !== undefined);
}

function computed(what: "sum" | "mean" | "median" | "min" | "max", numbers: readonly number[]): number | null {
  if (numbers.length === 0) return what === "sum" ? 0 : null;
  const sum = (): number => numbers.reduce((total, number) => total + number, 0);
  const value = {
    sum,
    mean: () => sum() / numbers.length,
    median: () => {
      const inOrder = numbers.toSorted((one, other) => one - other);
      const [low = 0, high = low] = [inOrder[(numbers.length - 1) >> 1], inOrder[numbers.length >> 1]];
      return (low + high) / 2;
    },
    min: () => numbers.reduce((least, number) => Math.min(least, number), Infinity),
    max: () => numbers.reduce((most, number) => Math.max(most, number), -Infinity),
  }[what]();
  // 0.1 + 0.2 is 0.3 to whoever asks.
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(13));
}

/** Numbers before words, empty cells last. */
function sorted(rows: readonly Cell[][], { columns }: Table, index: number, descending: boolean): Cell[][] {
  const column = columns[index] as Column; // an index that was found there
  const keyed = rows.map((row) => ({ row, filled: isFilled(row[index]), number: cellNumber(row[index], column) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.filled !== b.filled) return a.filled ? -1 : 1;
    if (a.number !== undefined && b.number !== undefined) return sign * (a.number - b.number);
    if (a.number !== undefined || b.number !== undefined) return a.number !== undefined ? -1 : 1;
    return sign * byText(String(a.row[index] ?? ""), String(b.row[index] ?? ""));
  });
  return keyed.map(({ row }) => row);
}

/** Columns by their names, which may have commas in them themselves. */
function chosen(table: Table, names: string): number[] {
  if (table.columns.some(({ name }) => name === names.trim())) return [columnIndex(table, names.trim())];
  return names.split(",").map((name) => columnIndex(table, name.trim()));
}

function shownCell(cell: Cell | undefined): Cell {
  return typeof cell === "string" ? shownText(cell) : (cell ?? null);
}

function shownText(text: string): string {
  return text.length > MOST_CELL ? `${cut(text, MOST_CELL)}…` : text;
}
