import Papa from "papaparse";

const MOST_CELLS = 3_000_000;

export interface ParsedCsv {
  rows: string[][];
  /** What is wrong with the file, in words. */
  problem?: string;
}

/** A CSV's rows by its own separator, which Excel may name in a first line `sep=;`. Throws RangeError for too many cells. */
export function parseCsv(text: string, separator: string | undefined): ParsedCsv {
  const named = /^sep=(.)\r?\n/i.exec(text);
  const rows: string[][] = [];
  let cells = 0;
  let problem: string | undefined;
  Papa.parse<string[]>(named === null ? text : text.slice(named[0].length), {
    delimiter: separator ?? named?.[1] ?? "",
    skipEmptyLines: "greedy",
    step({ data, errors: [error] }, parser) {
      rows.push(data);
      cells += data.length;
      if (error !== undefined && error.type === "Quotes")
        problem ??= `A quote is not closed, or stands in the midst of a cell, near row ${rows.length}.`;
      if (cells > MOST_CELLS) parser.abort();
    },
  });
  if (cells > MOST_CELLS) throw new RangeError("The table has more than 3 million cells. Take a part of it.");
  return problem === undefined ? { rows } : { rows, problem };
}
