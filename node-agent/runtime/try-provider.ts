import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphBuilder } from "./graph-builder.ts";
import type { ProviderName } from "./providers.ts";
import { openSession, Tensor } from "./session.ts";

/** Runs a product of two numbers with a provider. Returns what is wrong with it; undefined if it computes. */
export async function tryProvider(provider: ProviderName): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "porchlight-provider-"));
  try {
    const graph = new GraphBuilder();
    graph.withoutResult();
    const x = graph.input("x", "float32", [1, 1]);
    graph.output(graph.node("y", "MatMul", [x, x]), "float32", [1, 1]);
    const path = join(folder, "square.onnx");
    await writeFile(path, graph.encode());
    const session = await openSession(path, { provider, threads: 1, exactMixedSigns: true });
    const result = new Float32Array(1);
    await session.run(
      { x: new Tensor("float32", Float32Array.of(3), [1, 1]) },
      { y: new Tensor("float32", result, [1, 1]) },
    );
    await session.dispose();
    return result[0] === 9 ? undefined : `3 times 3 came out as ${result[0]}`;
  } catch (error) {
    return sayWhy(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The sentence in what ONNX Runtime throws, without the place in its source that comes first. */
export function sayWhy(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return said
    .replace(/^[\s\S]*? was false\. /, "")
    .trim()
    .slice(0, 2_048);
}
