import type { Value } from "../runtime/graph-builder.ts";

/** Names of the graph's inputs and outputs. */
export const GRAPH_VALUES = {
  /** int32 [batch, length]: token ids. */
  tokens: "tokens",
  /** int32 [rows]: which of the batch x length positions to give logits for. */
  wanted: "wanted",
  /** int32 [batch]: index of each row's last position, past + length - 1. */
  lastPositions: "last_positions",
  /** int32 [1]: the largest past + length. */
  totalLength: "total_length",
  /** int64 [batch, length]: rows of the rotary tables; only where those have several stages. */
  tableRows: "table_rows",
  /** float32 [rows, vocabulary]. */
  logits: "logits",
  /** float32 [rows, hidden], of a graph that ends there. */
  states: "states",
  /** float32 [batch, kv heads, context, head size]; `present` is the same memory as `past`. */
  pastKey: (layer: number) => `past.${layer}.key`,
  pastValue: (layer: number) => `past.${layer}.value`,
  presentKey: (layer: number) => `present.${layer}.key`,
  presentValue: (layer: number) => `present.${layer}.value`,
} as const;

/** Values that every layer uses. */
export interface Shared {
  lastPositions: Value;
  totalLength: Value;
  /** Absent: each position's row is its own. */
  tableRows: Value | undefined;
  /** float32 [positions of all stages, rotated components / 2], for each of the model's ropes. */
  ropes: readonly { cos: Value; sin: Value }[];
}

/** The residual stream between two sublayers; `delta` is not yet added, so that the next norm can do it in the same kernel. */
export interface Stream {
  delta: Value | undefined;
  residual: Value;
}
