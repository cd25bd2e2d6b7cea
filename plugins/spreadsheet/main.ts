import { definePlugin, type PluginContext, tool } from "../../shared/plugin/index.ts";
import { FILE, pickedFile } from "../shared/picked.ts";
import { type Table, tableOf } from "../shared/table.ts";
import { describeTable, ROWS, rowsOf, SUMMARY, summaryOf } from "../shared/table-tools.ts";
import { readWorkbook, type Sheet } from "./workbook.ts";

const MOST_BYTES = 20_000_000;
const MOST_SHEETS_SHOWN = 30;

const SHEET = {
  file: FILE,
  sheet: { type: "string", description: "The sheet's name; the first with cells if left out", maxLength: 100 },
  header: { type: "boolean", description: "Whether the first row names the columns", default: true },
} as const;

const sheets = tool({
  description: "Lists the sheets of a picked spreadsheet (xlsx, xls, ods): name and number of rows. Call it first.",
  input: { type: "object", properties: { file: FILE }, required: [], additionalProperties: false },
  async execute(context) {
    const all = await sheetsOf(context);
    const shown = all.slice(0, MOST_SHEETS_SHOWN).map(({ name, isHidden, rows, isCut }) => ({
      name,
      rows: rows.length,
      ...(isHidden ? { hidden: true } : {}),
      ...(isCut ? { truncated: true } : {}),
    }));
    return { sheets: shown, count: all.length, truncated: all.length > shown.length };
  },
});

const columns = tool({
  description:
    "Tells what is in a sheet of a picked spreadsheet: how many rows, and each column's name, type, range or examples.",
  input: { type: "object", properties: SHEET, required: [], additionalProperties: false },
  async execute(context) {
    return await onSheet(context, describeTable);
  },
});

const rows = tool({
  description:
    "Gives rows of a sheet of a picked spreadsheet: filtered, sorted, some columns only. When 'next_start' is there, call again with it as 'start' to read on.",
  input: { type: "object", properties: { ...ROWS, ...SHEET }, required: [], additionalProperties: false },
  async execute(context) {
    return await onSheet(context, (table) => rowsOf(table, context.input));
  },
});

const summarize = tool({
  description:
    "Computes the count, sum, mean, median, min or max of a column of a sheet, for all rows or by group. Use it instead of adding up rows yourself.",
  input: { type: "object", properties: { ...SUMMARY, ...SHEET }, required: [], additionalProperties: false },
  async execute(context) {
    return await onSheet(context, (table) => summaryOf(table, context.input));
  },
});

interface Source {
  file?: string | undefined;
  sheet?: string | undefined;
  header?: boolean | undefined;
}

async function sheetsOf({ input, files }: PluginContext<Source>): Promise<Sheet[]> {
  const { id, name, bytes } = await pickedFile(files, input.file);
  if (bytes > MOST_BYTES) throw new RangeError(`'${name}' is larger than ${MOST_BYTES / 1_000_000} MB.`);
  return readWorkbook((await files?.read(id)) ?? new Uint8Array());
}

async function onSheet(context: PluginContext<Source>, use: (table: Table) => object): Promise<object> {
  const all = await sheetsOf(context);
  const wanted = context.input.sheet?.trim().toLowerCase();
  const found =
    wanted === undefined
      ? all.find((one) => one.rows.length > 0 && !one.isHidden)
      : all.find(({ name }) => name.trim().toLowerCase() === wanted);
  const names = all.slice(0, MOST_SHEETS_SHOWN).map(({ name }) => `'${name}'`);
  if (found === undefined)
    throw new RangeError(
      wanted === undefined ? "All sheets are empty." : `There is no such sheet. There are ${names.join(", ")}.`,
    );
  const result = use(tableOf(found.rows, context.input.header ?? true));
  return {
    sheet: found.name,
    ...result,
    ...(found.isCut ? { problem: "The sheet may be longer: its first 100,000 rows were read." } : {}),
  };
}

export default definePlugin({ tools: { sheets, columns, rows, summarize } });
