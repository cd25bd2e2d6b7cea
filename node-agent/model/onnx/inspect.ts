import { dirname, join } from "node:path";
import { checkExternalData } from "./external-data.ts";
import type { OnnxFiles } from "./files.ts";
import { type OnnxGraph, readOnnxGraph } from "./graph.ts";
import { type DecoderSignature, readSignature } from "./signature.ts";

/** A graph that was looked at and found to be a decoder's that we can run. */
export interface OnnxModel {
  graph: OnnxGraph;
  signature: DecoderSignature;
  /** The files of its weights that are not in the graph's own. */
  weightPaths: string[];
  /** Positions that configuration and graph allow. */
  maxPositions: number;
}

/** Reads a graph without its weights and checks all that can be checked before it is loaded. Throws `model_load_failed`. */
export async function inspectOnnx(files: OnnxFiles): Promise<OnnxModel> {
  const graph = await readOnnxGraph(files.graphPath);
  const names = await checkExternalData(files.graphPath, graph);
  const signature = readSignature(graph, files);
  return {
    graph,
    signature,
    weightPaths: names.map((name) => join(dirname(files.graphPath), name)),
    maxPositions: Math.min(files.maxPositions, signature.tablePositions ?? files.maxPositions),
  };
}
