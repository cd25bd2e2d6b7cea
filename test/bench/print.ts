import { cpus } from "node:os";
import type { BenchResult } from "./bench.ts";

/** Prints one readable table, or one JSON object with the same figures. */
export function printResult(name: string, result: BenchResult, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ bench: name, machine: machine(), ...result })}\n`);
    return;
  }
  const cells = [result.columns, ...result.rows.map((row) => row.map(format))];
  const widths = result.columns.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  const [head, ...body] = cells;
  const lines = [
    `\n${result.title}`,
    machine(),
    "",
    line(head ?? []),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...body.map(line),
  ];
  process.stdout.write(`${[...lines, "", ...result.notes.map((note) => `- ${note}`)].join("\n")}\n`);
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} logical CPUs, ${first?.model.trim() || process.arch}, Node ${process.versions.node}`;
}

function format(cell: string | number): string {
  if (typeof cell === "string" || Number.isInteger(cell)) return String(cell);
  return cell >= 100 ? cell.toFixed(0) : cell.toPrecision(3);
}
