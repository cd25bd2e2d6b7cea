import { layerName, type OnnxNames } from "./files.ts";
import type { OnnxGraph, OnnxGraphNode } from "./graph.ts";

/**
 * How a graph's attention takes its cache. `batched` and `single`: GroupQueryAttention in every layer, which appends in place when past and
 * present are one buffer longer than the text; `batched` also for rows of different lengths in one run. `copied`: past goes in,
 * past and present come out.
 */
export type AttentionKind = "batched" | "single" | "copied";

/** Inputs of GroupQueryAttention. */
const GQA = { op: "GroupQueryAttention", pastKey: 3, pastValue: 4, lengths: 5 } as const;
/** What may stand between the mask and the lengths: sums and sizes, which padding behind a row's end leaves right. */
const MASK_OPS: ReadonlySet<string> = new Set([
  "ReduceSum",
  "Sub",
  "Cast",
  "Shape",
  "Gather",
  "Squeeze",
  "Unsqueeze",
  "Reshape",
]);

/** Finds the kind of a graph's attention. In doubt it is `copied`, which is right for all. */
export function attentionKind(graph: OnnxGraph, names: OnnxNames, layers: number): AttentionKind {
  const consumers = new Map<string, OnnxGraphNode[]>();
  const producers = new Map<string, OnnxGraphNode>();
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) consumers.set(name, [...(consumers.get(name) ?? []), node]);
    for (const name of node.outputs) producers.set(name, node);
  }
  for (let layer = 0; layer < layers; layer++) {
    const [key, value] = [layerName(names.pastKey, layer), layerName(names.pastValue, layer)];
    const node = producers.get(layerName(names.presentKey, layer));
    const isGrouped =
      node?.op === GQA.op &&
      node.inputs[GQA.pastKey] === key &&
      node.inputs[GQA.pastValue] === value &&
      node.outputs[1] === layerName(names.presentKey, layer) &&
      node.outputs[2] === layerName(names.presentValue, layer);
    // Nobody else looks at the past: its size would tell the buffer's length and not the text's.
    const isAlone = [key, value].every((name) => consumers.get(name)?.length === 1);
    if (!isGrouped || !isAlone) return "copied";
  }
  return lengthsOnly(consumers, names.mask) ? "batched" : "single";
}

/** Whether nothing but lengths is made of the mask. */
function lengthsOnly(consumers: ReadonlyMap<string, readonly OnnxGraphNode[]>, mask: string): boolean {
  const seen = new Set<string>();
  const open = [mask];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const node of consumers.get(name) ?? []) {
      if (node.op === GQA.op) {
        if (node.inputs.indexOf(name) < GQA.lengths) return false;
        continue;
      }
      if (!MASK_OPS.has(node.op)) return false;
      for (const output of node.outputs.filter((value) => !seen.has(value))) {
        seen.add(output);
        open.push(output);
      }
    }
  }
  return true;
}
