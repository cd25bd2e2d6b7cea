/** What a benchmark found: a table for people, and the same figures under stable names for programs. */
export interface BenchResult {
  title: string;
  columns: string[];
  rows: (string | number)[][];
  /** Names are dotted and lower case with the unit last, e.g. `starter.batch4.tokens_per_second`. */
  figures: Record<string, number>;
  /** How it was measured, on what. */
  notes: string[];
}

export interface Bench {
  name: string;
  summary: string;
  run(options: { json: boolean; quick: boolean }): Promise<BenchResult>;
}
