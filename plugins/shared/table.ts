import { type Decimal, decimalOf, numberOf } from "./cell-number.ts";

/** Null is an empty cell. */
export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  /** `number` where nearly all that is not empty is one. */
  type: "number" | "text";
  decimal: Decimal;
}

export interface Table {
  columns: Column[];
  rows: Cell[][];
}

const MOST_COLUMNS = 1_000;
/** How many rows are looked at for the width of a table, and what stands in its columns. */
const LOOKED_AT = 50;
const SAMPLE = 5_000;
const MOST_NAME = 100;
const NEARLY_ALL = 0.9;

/**
 * Rows as a table with named columns. Titles over it and rows that are empty are left out. Throws RangeError for what has no rows, or
 * more columns than any table.
 */
export function tableOf(all: readonly Cell[][], hasHeader: boolean): Table {
  const rows = all.filter((row) => row.some(isFilled));
  if (rows.length === 0) throw new RangeError("The table is empty.");
  const widths = rows.slice(0, LOOKED_AT).map((row) => row.filter(isFilled).length);
  const usual = widths.toSorted((one, other) => one - other)[Math.floor(widths.length / 2)] ?? 1;
  const top = Math.max(
    0,
    widths.findIndex((width) => width * 2 > usual),
  );
  const body = rows.slice(hasHeader ? top + 1 : top);
  const width = body.reduce((most, row) => Math.max(most, row.length), rows[top]?.length ?? 0);
  if (width > MOST_COLUMNS) throw new RangeError(`This has ${width} columns: more than a table that is read here.`);
  const header = hasHeader ? (rows[top] ?? []) : [];
  const names = uniqueNames(Array.from({ length: width }, (_, index) => String(header[index] ?? "")));
  const columns = names.map((name, index) => columnOf(name, body.slice(0, SAMPLE), index));
  return { columns, rows: body };
}

/** Which column a name means: the very name, then whatever its capitals. Throws RangeError with the names there are. */
export function columnIndex({ columns }: Table, name: string): number {
  const wanted = name.trim().toLowerCase();
  const exact = columns.findIndex((column) => column.name === name);
  const index = exact >= 0 ? exact : columns.findIndex((column) => column.name.toLowerCase() === wanted);
  if (index >= 0) return index;
  const names = columns.slice(0, 30).map((column) => `'${column.name}'`);
  throw new RangeError(`There is no column '${name.slice(0, MOST_NAME)}'. There are ${names.join(", ")}.`);
}

/** A cell as a number, as its column writes them. */
export function cellNumber(cell: Cell | undefined, { decimal }: Column): number | undefined {
  if (typeof cell === "number") return cell;
  return typeof cell === "string" ? numberOf(cell, decimal) : undefined;
}

export function isFilled(cell: Cell | undefined): cell is string | number | boolean {
  return cell !== null && cell !== undefined && cell !== "";
}

function columnOf(name: string, rows: readonly Cell[][], index: number): Column {
  const cells = rows.map((row) => row[index]).filter(isFilled);
  const decimal = decimalOf(cells.filter((cell) => typeof cell === "string"));
  const column: Column = { name, type: "text", decimal };
  const numbers = cells.filter((cell) => cellNumber(cell, column) !== undefined).length;
  return cells.length > 0 && numbers >= cells.length * NEARLY_ALL ? { ...column, type: "number" } : column;
}

function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((given, index) => {
    const name = given.replace(/\s+/g, " ").trim().slice(0, MOST_NAME) || `column ${index + 1}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}
