import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PbfReader } from "pbf";
import { describe, expect, test } from "vitest";
import { WeightFile } from "../../../node-agent/model/weight-file.ts";
import { CONTRIB, GraphBuilder } from "../../../node-agent/runtime/graph-builder.ts";
import { editFields, readStrings } from "../../../node-agent/runtime/proto-edit.ts";
import { compileModel, openSession, Tensor } from "../../../node-agent/runtime/session.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const OPTIONS = { provider: "cpu", threads: 1, exactMixedSigns: true } as const;

/** Values between -1 and 1 that differ everywhere. */
function wave(length: number, phase: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * (phase + 1) * 0.7));
}

describe("a graph as bytes", () => {
  test("runs in ONNX Runtime: every kind of attribute, initializer and dimension", async () => {
    await using folder = await temporaryFolder();
    const graph = new GraphBuilder();
    graph.withoutResult();
    const x = graph.input("x", "float32", ["rows", 2, 2]);
    const file = await WeightFile.create(join(folder.path, "m.weights"));
    const inline = await file.add(graph, "small", Float32Array.of(10, 20, 30, 40), [4]);
    const external = await file.add(graph, "large", wave(4 * 300, 0), [4, 300]);
    await file.close();
    const flat = graph.node("flat", "Reshape", [x, graph.shape("to_rows", [-1, 4])]);
    const activated = graph.node("activated", "LeakyRelu", [flat], { attributes: { alpha: { float: 0.5 } } });
    const summed = graph.node("summed", "Add", [activated, inline]);
    const product = graph.node("product", "MatMul", [summed, external]);
    const scaled = graph.node("scaled", "Mul", [product, graph.scalar("half", 0.5)]);
    const joined = graph.node("joined", "Concat", [scaled, scaled], { attributes: { axis: 1 } });
    graph.output(joined, "float32", ["rows", 600]);
    await writeFile(join(folder.path, "m.onnx"), graph.encode());

    const session = await openSession(join(folder.path, "m.onnx"), OPTIONS);
    const input = Float32Array.of(-2, 1, -4, 3, 5, 6, 7, 8);
    const output = new Float32Array(2 * 600);
    await session.run(
      { x: new Tensor("float32", input, [2, 2, 2]) },
      { [joined]: new Tensor("float32", output, [2, 600]) },
    );
    await session.dispose();
    const weights = wave(4 * 300, 0);
    for (const [row, column] of [
      [0, 0],
      [0, 299],
      [1, 7],
      [1, 599],
    ] as const) {
      let expected = 0;
      for (let i = 0; i < 4; i++) {
        const value = input[row * 4 + i] ?? 0;
        expected += ((value < 0 ? value / 2 : value) + 10 * (i + 1)) * (weights[i * 300 + (column % 300)] ?? 0) * 0.5;
      }
      expect(output[row * 600 + column]).toBeCloseTo(expected, 3);
    }
  });

  test("an error of the run itself is not swallowed", async () => {
    await using folder = await temporaryFolder();
    const graph = new GraphBuilder();
    graph.withoutResult();
    graph.output(graph.node("y", "Identity", [graph.input("x", "float32", [2])]), "float32", [2]);
    await writeFile(join(folder.path, "m.onnx"), graph.encode());
    const session = await openSession(join(folder.path, "m.onnx"), OPTIONS);
    const wrong = { x: new Tensor("float32", new Float32Array(3), [3]) };
    await expect(session.run(wrong, { y: new Tensor("float32", new Float32Array(2), [2]) })).rejects.toThrow(/Got: 3/);
    await session.dispose();
  });

  test("names are given once", () => {
    const graph = new GraphBuilder();
    const data = { kind: "inline", bytes: new Uint8Array(4) } as const;
    graph.initializer("w", "float32", [1], data);
    expect(() => graph.initializer("w", "float32", [1], data)).toThrow(/two initializers named w/);
  });
});

describe("a compiled graph", () => {
  // Two products in a row: ONNX Runtime's own file maps the second at an offset where its kernel computes garbage.
  test.each([
    [256, 512, 256],
    [192, 320, 192],
  ])("of 4-bit products computes what the source does: %i -> %i -> %i", async (...sizes) => {
    await using folder = await temporaryFolder();
    const graph = new GraphBuilder();
    graph.withoutResult();
    let value = graph.input("x", "float32", ["rows", sizes[0] ?? 0]);
    const file = await WeightFile.create(join(folder.path, "m.weights"));
    for (const [i, rows] of sizes.slice(1).entries()) {
      const columns = sizes[i] ?? 0;
      const bytes = Uint8Array.from({ length: (rows * columns) / 2 }, (_, at) => (at * 31 + i * 7 + (at >> 5)) & 0xff);
      const weight = await file.add(graph, `w${i}`, bytes, [rows, columns / 64, 32]);
      const scale = await file.add(graph, `s${i}`, wave((rows * columns) / 64, i), [rows, columns / 64]);
      value = graph.node(`y${i}`, "MatMulNBits", [value, weight, scale], {
        domain: CONTRIB,
        attributes: { K: columns, N: rows, bits: 4, block_size: 64, accuracy_level: 4 },
      });
    }
    await file.close();
    const last = sizes.at(-1) ?? 0;
    graph.output(value, "float32", ["rows", last]);
    const source = join(folder.path, "m.onnx");
    await writeFile(source, graph.encode());
    const target = { model: join(folder.path, "c.onnx"), weights: join(folder.path, "c.weights") };
    const scratch = join(folder.path, "scratch");
    await mkdir(scratch);
    await compileModel(source, target, scratch, OPTIONS);

    const run = async (path: string) => {
      const session = await openSession(path, OPTIONS);
      const output = new Float32Array(2 * last);
      const x = new Tensor("float32", wave(2 * (sizes[0] ?? 0), 3), [2, sizes[0] ?? 0]);
      await session.run({ x }, { [value]: new Tensor("float32", output, [2, last]) });
      await session.dispose();
      return [...output];
    };
    const found = await run(target.model);
    expect(found).toEqual(await run(source));
    expect(found.every(Number.isFinite)).toBe(true);
    expect(new Set(found).size).toBeGreaterThan(last);
  });
});

describe("editing protobuf bytes", () => {
  test("changes one field and keeps all others as they are, of whatever wire type", () => {
    // 1: varint 150; 2: "ab"; 3: fixed32; 4: fixed64; 2: "c"
    const message = Uint8Array.of(8, 150, 1, 18, 2, 97, 98, 29, 1, 2, 3, 4, 33, 1, 2, 3, 4, 5, 6, 7, 8, 18, 1, 99);
    expect([...editFields(message, 2, (field) => field)]).toEqual([...message]);
    const edited = editFields(message, 2, (field) => Uint8Array.of(...field, 33));
    expect(readStrings(edited, 2)).toEqual(["ab!", "c!"]);
    expect(new PbfReader(edited).readFields<number[]>((tag, tags) => void tags.push(tag), [])).toEqual([1, 2, 3, 4, 2]);
    expect(editFields(new Uint8Array(), 2, (field) => field)).toHaveLength(0);
  });
});
