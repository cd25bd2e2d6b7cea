import type { Quantization } from "../../shared/inference/model.ts";
import type { GroupError } from "../model/quantization/weight-error.ts";
import type { TextPerplexity } from "../model/text-perplexity.ts";
import { formatBytes, formatTable } from "./models-units.ts";
import { say, styled } from "./terminal.ts";

/** What was made, and what it cost. */
export interface QuantizeReport {
  name: string;
  method: string;
  /** What the original was measured as. */
  exact: Quantization;
  bytes: number;
  /** What perplexity was measured on. */
  text: string;
  before: TextPerplexity;
  after: TextPerplexity;
  errors: readonly GroupError[];
  seconds: number;
  peakBytes: number;
}

/** Prints the errors of each kind of tensor, and perplexity before and after. */
export function printReport(result: QuantizeReport, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { name, method, exact, bytes, text, before, after, errors, seconds, peakBytes } = result;
  const percent = (share: number | undefined) => (share === undefined ? "" : `${(share * 100).toFixed(2)}%`);
  const rows = errors.map(({ group, format, weightError, outputError }) => [
    group,
    format,
    percent(weightError),
    percent(outputError?.rounded),
    percent(outputError?.calibrated),
  ]);
  const head = ["TENSORS", "FORMAT", "WEIGHT ERROR", "OUTPUT, ROUNDED", "OUTPUT, AS WRITTEN"];
  const change = (after.perplexity / before.perplexity - 1) * 100;
  process.stdout.write(
    `${formatTable(head, rows)}\n\n` +
      `Perplexity ${before.perplexity.toFixed(4)} (${exact}) -> ${after.perplexity.toFixed(4)} (${change >= 0 ? "+" : ""}${change.toFixed(2)}%), on ${text} (${after.tokens} tokens)\n`,
  );
  say(
    `${styled("green", "✓")} ${styled("bold", name)} is here: ${formatBytes(bytes)} by ${method}, in ${seconds.toFixed(0)} s and ${formatBytes(peakBytes)} of memory at most.`,
  );
  say(`  Use it: porchlight up --model ${name}`);
}
