import { read, utils, type WorkBook } from "@e965/xlsx";
import { entriesOf } from "./zip-size.ts";
import type { Cell } from "../shared/table.ts";

export interface Sheet {
  name: string;
  isHidden: boolean;
  /** Rows with something in them alone; a sheet's last row may be its millionth. */
  rows: Cell[][];
  /** Whether there may be more rows than were read. */
  isCut: boolean;
}

const MOST_UNPACKED_BYTES = 150_000_000;
const MOST_ROWS = 100_000;
const MOST_COLUMNS = 1_000;
const MOST_CELLS = 1_500_000;
const MOST_SHEETS = 200;

/** A workbook's sheets. Throws RangeError in words for what is no workbook. */
export function readWorkbook(bytes: Uint8Array): Sheet[] {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const isOld = bytes[0] === 0xd0 && bytes[1] === 0xcf;
  if (!isZip && !isOld)
    throw new RangeError("The file is no spreadsheet of Excel or OpenDocument. For CSV use the CSV tools.");
  if (isZip) refuseBomb(bytes);
  const book = parsed(bytes);
  if (book.SheetNames.length > MOST_SHEETS) throw new RangeError(`The file has more than ${MOST_SHEETS} sheets.`);
  return book.SheetNames.map((name, index) => ({
    name,
    isHidden: (book.Workbook?.Sheets?.[index]?.Hidden ?? 0) !== 0,
    ...cellsOf(book, name),
  }));
}

function refuseBomb(bytes: Uint8Array): void {
  const entries = entriesOf(bytes);
  if (entries === undefined) throw new RangeError("The file is damaged: it ends too soon.");
  const unpacked = entries.reduce((sum, size) => sum + size, 0);
  if (unpacked > MOST_UNPACKED_BYTES)
    throw new RangeError(
      `Unpacked, the file has ${Math.round(unpacked / 1_000_000)} MB; at most ${MOST_UNPACKED_BYTES / 1_000_000} are read. Save the sheet you need as CSV.`,
    );
}

function parsed(bytes: Uint8Array): WorkBook {
  try {
    const book = read(bytes, { type: "array", dense: true, cellDates: true, UTC: true, sheetRows: MOST_ROWS + 1 });
    if (book.SheetNames.length > 0) return book;
  } catch (error) {
    const isLocked = error instanceof Error && /password|encrypt/i.test(error.message);
    throw new RangeError(
      isLocked ? "The file is locked by a password." : "The file is no spreadsheet that is known here, or is damaged.",
      { cause: error },
    );
  }
  throw new RangeError("There are no sheets in the file.");
}

/** From cell to cell that is there: what a sheet says of its own size may be a lie of billions. */
function cellsOf(book: WorkBook, name: string): { rows: Cell[][]; isCut: boolean } {
  const sheet = book.Sheets[name];
  const data = sheet?.["!data"] ?? [];
  const rows: Cell[][] = [];
  let cells = 0;
  // What the reader left out, it tells by this alone.
  const full = sheet?.["!fullref"];
  let isCut = full !== undefined && utils.decode_range(full).e.r > MOST_ROWS;
  data.forEach((row, index) => {
    if (index >= MOST_ROWS || cells > MOST_CELLS) {
      isCut = true;
      return;
    }
    const own: Cell[] = [];
    row?.forEach((cell, column) => {
      const value = valueOf(cell);
      if (value === null) return;
      if (column >= MOST_COLUMNS) throw new RangeError(`'${name}' has cells beyond column ${MOST_COLUMNS}.`);
      while (own.length < column) own.push(null);
      own.push(value);
    });
    cells += own.length;
    if (own.length > 0) rows.push(own);
  });
  return { rows, isCut };
}

function valueOf(cell: { t?: string; v?: unknown; w?: string | undefined } | undefined): Cell {
  const value = cell?.v;
  if (value === undefined || value === null || value === "") return null;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) return cell?.w ?? null;
    const [day = "", time = ""] = value.toISOString().split("T");
    return time.startsWith("00:00:00") ? day : `${day} ${time.slice(0, 8)}`;
  }
  if (cell?.t === "e") return cell.w ?? "#ERROR";
  if (typeof value === "number" || typeof value === "boolean") return value;
  return typeof value === "string" ? value : null;
}
