import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSafetensors } from "../../../node-agent/model/safetensors.ts";
import { MAX_HEADER_BYTES, parseHeader, parseHeaderLength } from "../../../node-agent/model/safetensors-header.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { encodeHeader, floatTensor, headerOf, writeSafetensors } from "../../support/model-safetensors.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const FLOATS = Float32Array.from({ length: 12 }, (_, i) => i / 4);

/** Parses a file made of a header's JSON value and `dataBytes` of data. */
function parse(header: unknown, dataBytes: number) {
  const bytes = encodeHeader(header);
  const length = parseHeaderLength(bytes, bytes.length + dataBytes, "test");
  return parseHeader(bytes.subarray(8, 8 + length), bytes.length + dataBytes, "test");
}

function entry(shape: unknown, offsets: unknown, dtype: unknown = "F32") {
  return { t: { dtype, shape, data_offsets: offsets } };
}

const loadFailed = expect.objectContaining({ name: "PorchlightError", code: "model_load_failed" });

describe("a good file", () => {
  test("gives its tensors back, piece by piece", async () => {
    await using folder = await temporaryFolder();
    const tensors = [floatTensor("a", [3, 4], FLOATS), floatTensor("b", [2], FLOATS.slice(0, 2))];
    await writeSafetensors(join(folder.path, "model.safetensors"), tensors);
    const source = await openSafetensors(folder.path);
    expect([...source.tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ["a", [3, 4]],
      ["b", [2]],
    ]);
    expect([...(await source.read("a", 0, 12))]).toEqual([...FLOATS]);
    expect([...(await source.read("a", 5, 3))]).toEqual([1.25, 1.5, 1.75]);
    expect([...(await source.read("b", 1, 1))]).toEqual([0.25]);
    await expect(source.read("a", 11, 2)).rejects.toThrow(RangeError);
    await expect(source.read("c", 0, 1)).rejects.toEqual(loadFailed);
    await source.close();
  });

  test("may be in several shards, named by an index", async () => {
    await using folder = await temporaryFolder();
    await writeSafetensors(join(folder.path, "one.safetensors"), [floatTensor("a", [12], FLOATS)]);
    await writeSafetensors(join(folder.path, "two.safetensors"), [floatTensor("b", [12], FLOATS)]);
    const index = { weight_map: { a: "one.safetensors", b: "two.safetensors" } };
    await writeFile(join(folder.path, "model.safetensors.index.json"), JSON.stringify(index));
    const source = await openSafetensors(folder.path);
    expect([...(await source.read("b", 4, 2))]).toEqual([1, 1.25]);
    await source.close();
  });

  test("may hold other kinds of numbers, which cannot be read as weights", async () => {
    await using folder = await temporaryFolder();
    const ids = { name: "ids", dtype: "I64", shape: [2], bytes: () => new Uint8Array(16) } as const;
    await writeSafetensors(join(folder.path, "model.safetensors"), [floatTensor("a", [12], FLOATS), ids]);
    const source = await openSafetensors(folder.path);
    await expect(source.read("ids", 0, 1)).rejects.toThrow(/F32, F16 or BF16/);
    await source.close();
  });
});

describe("a header that lies is refused by name", () => {
  test.each([
    ["fewer bytes than the shape needs", entry([4], [0, 12]), 12],
    ["more bytes than the shape needs", entry([2], [0, 12]), 12],
    ["an end before its beginning", entry([1], [4, 0]), 4],
    ["bytes past the end of the file", entry([4], [0, 16]), 8],
    ["a negative offset", entry([1], [-4, 0]), 4],
    ["an offset that is no integer", entry([1], [0, 4.5]), 4],
    ["a negative dimension", entry([-1], [0, 4]), 4],
    ["a product that overflows", entry([2 ** 40, 2 ** 40], [0, 4]), 4],
    ["a dimension beyond exact integers", entry([2 ** 60], [0, 4]), 4],
    [
      "a hundred dimensions",
      entry(
        Array.from({ length: 100 }, () => 1),
        [0, 4],
      ),
      4,
    ],
    ["an unknown dtype", entry([1], [0, 4], "F33"), 4],
    ["a dtype from the prototype", entry([1], [0, 4], "constructor"), 4],
    ["no offsets", { t: { dtype: "F32", shape: [1] } }, 4],
    ["an entry that is a string", { t: "F32" }, 4],
    ["a gap", { ...headerOf([{ name: "a", dtype: "F32", shape: [1] }]), ...entry([1], [8, 12]) }, 12],
    ["an overlap", { ...headerOf([{ name: "a", dtype: "F32", shape: [2] }]), ...entry([1], [4, 8]) }, 8],
    ["bytes that belong to nothing", entry([1], [0, 4]), 100],
    ["an array", [1, 2], 0],
    ["null", null, 0],
    ["a number", 7, 0],
  ])("%s", (_, header, dataBytes) => {
    expect(() => parse(header, dataBytes)).toThrow(loadFailed);
  });

  test("a length that is larger than any header", () => {
    const prefix = new Uint8Array(8);
    for (const length of [BigInt(MAX_HEADER_BYTES) + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      new DataView(prefix.buffer).setBigUint64(0, length, true);
      expect(() => parseHeaderLength(prefix, 2 ** 50, "test")).toThrow(/announces a header/);
    }
  });

  test("tensors named like parts of an object are only names", () => {
    const json =
      '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"toString":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}';
    const bytes = new TextEncoder().encode(json);
    const tensors = parseHeader(bytes, 8 + bytes.length + 8, "test");
    expect([...tensors.keys()].toSorted()).toEqual(["__proto__", "toString"]);
  });

  test("a file cut anywhere is refused", async () => {
    const header = encodeHeader(headerOf([{ name: "a", dtype: "F32", shape: [12] }]));
    const whole = new Uint8Array([...header, ...new Uint8Array(FLOATS.buffer)]);
    await using folder = await temporaryFolder();
    for (let length = 0; length < whole.length; length += 5) {
      await writeFile(join(folder.path, "model.safetensors"), whole.subarray(0, length));
      await expect(openSafetensors(folder.path), `${length} bytes`).rejects.toEqual(loadFailed);
    }
  });

  test("whatever the bytes, there is a result or a named error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1000), (bytes, more) => {
        onlyNamedErrors(() => parseHeader(bytes, 8 + bytes.length + more, "test"));
        onlyNamedErrors(() => parseHeaderLength(bytes, bytes.length, "test"));
      }),
    );
  });

  test("whatever the JSON, there is a result or a named error", () => {
    const hostile = fc.dictionary(
      fc.string(),
      fc.oneof(
        fc.jsonValue(),
        fc.record({
          dtype: fc.oneof(fc.constantFrom("F32", "F16", "I64", "BOOL"), fc.string()),
          shape: fc.oneof(fc.array(fc.integer(), { maxLength: 4 }), fc.jsonValue()),
          data_offsets: fc.oneof(fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()), fc.jsonValue()),
        }),
      ),
    );
    fc.assert(fc.property(hostile, fc.nat(1000), (header, data) => onlyNamedErrors(() => parse(header, data))));
  });
});

function onlyNamedErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(PorchlightError);
  }
}

describe("an index that lies is refused by name", () => {
  const bad = [
    ["a path upwards", { weight_map: { a: "../model.safetensors" } }],
    ["an absolute path", { weight_map: { a: "/etc/model.safetensors" } }],
    ["a path into a folder", { weight_map: { a: "sub/model.safetensors" } }],
    ["a Windows path", { weight_map: { a: "..\\model.safetensors" } }],
    ["a name with a zero byte", { weight_map: { a: "a\0.safetensors" } }],
    ["a hidden file", { weight_map: { a: ".safetensors" } }],
    ["another kind of file", { weight_map: { a: "weights.bin" } }],
    ["a file that is not there", { weight_map: { a: "missing.safetensors" } }],
    ["no map", {}],
    ["an empty map", { weight_map: {} }],
    ["a map of numbers", { weight_map: { a: 1 } }],
  ] as const;
  test.each(bad)("%s", async (_, index) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "model.safetensors.index.json"), JSON.stringify(index));
    await expect(openSafetensors(folder.path)).rejects.toEqual(loadFailed);
  });

  test("text that is no JSON, a folder without weights, a folder in place of a file", async () => {
    await using folder = await temporaryFolder();
    await expect(openSafetensors(folder.path)).rejects.toThrow(/holds no model.safetensors/);
    await writeFile(join(folder.path, "model.safetensors.index.json"), "{");
    await expect(openSafetensors(folder.path)).rejects.toEqual(loadFailed);
    const index = { weight_map: { a: "folder.safetensors" } };
    await writeFile(join(folder.path, "model.safetensors.index.json"), JSON.stringify(index));
    await mkdir(join(folder.path, "folder.safetensors"));
    await expect(openSafetensors(folder.path)).rejects.toThrow(/is missing/);
  });

  test("one tensor in two shards", async () => {
    await using folder = await temporaryFolder();
    for (const name of ["one", "two"]) {
      await writeSafetensors(join(folder.path, `${name}.safetensors`), [floatTensor("a", [12], FLOATS)]);
    }
    const index = { weight_map: { a: "one.safetensors", b: "two.safetensors" } };
    await writeFile(join(folder.path, "model.safetensors.index.json"), JSON.stringify(index));
    await expect(openSafetensors(folder.path)).rejects.toThrow(/in two of the model's files/);
  });

  test("links are followed, as model stores use them", async () => {
    await using folder = await temporaryFolder();
    await writeSafetensors(join(folder.path, "blob"), [floatTensor("a", [12], FLOATS)]);
    await symlink(join(folder.path, "blob"), join(folder.path, "model.safetensors"));
    const source = await openSafetensors(folder.path);
    expect(source.tensors.has("a")).toBe(true);
    await source.close();
  });
});
