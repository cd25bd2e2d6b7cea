import { definePlugin, type PluginContext, tool } from "../../shared/plugin/index.ts";
import { FILE, TEXT, textOf } from "../shared/picked.ts";
import { type Table, tableOf } from "../shared/table.ts";
import { describeTable, ROWS, rowsOf, SUMMARY, summaryOf } from "../shared/table-tools.ts";
import { parseCsv } from "./parse.ts";

const MOST_BYTES = 10_000_000;

const SOURCE = {
  text: { ...TEXT, description: "The CSV itself; left out to take a picked file", maxLength: 500_000 },
  file: FILE,
  separator: {
    type: "string",
    description: "What stands between cells; found out if left out",
    minLength: 1,
    maxLength: 1,
  },
  header: { type: "boolean", description: "Whether the first row names the columns", default: true },
} as const;

const columns = tool({
  description:
    "Tells what is in a CSV or TSV table, a text or a picked file: how many rows, and each column's name, type, range or examples. Call it first.",
  input: { type: "object", properties: SOURCE, required: [], additionalProperties: false },
  async execute(context) {
    return await onTable(context, describeTable);
  },
});

const rows = tool({
  description:
    "Gives rows of a CSV or TSV table: filtered, sorted, some columns only. When 'next_start' is there, call again with it as 'start' to read on.",
  input: { type: "object", properties: { ...ROWS, ...SOURCE }, required: [], additionalProperties: false },
  async execute(context) {
    return await onTable(context, (table) => rowsOf(table, context.input));
  },
});

const summarize = tool({
  description:
    "Computes the count, sum, mean, median, min or max of a column of a CSV or TSV table, for all rows or by group. Use it instead of adding up rows yourself.",
  input: { type: "object", properties: { ...SUMMARY, ...SOURCE }, required: [], additionalProperties: false },
  async execute(context) {
    return await onTable(context, (table) => summaryOf(table, context.input));
  },
});

interface Source {
  text?: string | undefined;
  file?: string | undefined;
  separator?: string | undefined;
  header?: boolean | undefined;
}

async function onTable(context: PluginContext<Source>, use: (table: Table) => object): Promise<object> {
  const { rows: cells, problem } = parseCsv(await textOf(context, MOST_BYTES), context.input.separator);
  const result = use(tableOf(cells, context.input.header ?? true));
  return problem === undefined ? result : { ...result, problem };
}

export default definePlugin({ tools: { columns, rows, summarize } });
