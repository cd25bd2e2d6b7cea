import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NeedMoreBytes } from "../../../../node-agent/model/gguf/cursor.ts";
import { parseGgufHeader } from "../../../../node-agent/model/gguf/header.ts";
import { openGguf } from "../../../../node-agent/model/gguf/reader.ts";
import { mutated, readsOrRefuses, readWholeGguf, SEED_FILE } from "../../../support/gguf-mutations.ts";
import { concat, encodeGguf, type GgufToWrite, u32, u64 } from "../../../support/gguf-writer.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
const tensor = (name: string) => ({ name, type: "F32", shape: [2, 3], data: FLOATS }) as const;
const loadFailed = expect.objectContaining({ name: "PorchlightError", code: "model_load_failed" });

function parse(bytes: Uint8Array) {
  return parseGgufHeader(bytes, bytes.byteLength, "test.gguf");
}

describe("a good file", () => {
  test.each([2, 3] as const)("of version %s gives its values and tensors", (version) => {
    const header = parse(
      encodeGguf({
        version,
        alignment: 64,
        metadata: {
          u8: { u8: 255 },
          u16: { u16: 65_535 },
          u32: { u32: 4_294_967_295 },
          i32: { i32: -5 },
          f32: { f32: 0.25 },
          f64: { f64: 1e300 },
          exact: { u64: 2n ** 53n - 1n },
          large: { u64: 2n ** 64n - 1n },
          negative: { i64: -(2n ** 63n) },
          bool: { bool: true },
          text: { text: "héé\u{1f600}" },
          texts: { texts: ["a", "", "\ufeffb"] },
          i32s: { i32s: [1, -1] },
          f32s: { f32s: [0.5] },
          arrays: { arrays: [[1], [], [2, 3]] },
        },
        tensors: [tensor("a"), tensor("b")],
      }),
    );
    expect(header.version).toBe(version);
    expect(Object.fromEntries(header.metadata)).toEqual({
      u8: 255,
      u16: 65_535,
      u32: 4_294_967_295,
      i32: -5,
      f32: 0.25,
      f64: 1e300,
      exact: 2 ** 53 - 1,
      large: 2n ** 64n - 1n,
      negative: -(2n ** 63n),
      bool: true,
      text: "héé\u{1f600}",
      texts: ["a", "", "\ufeffb"],
      i32s: Int32Array.of(1, -1),
      f32s: Float32Array.of(0.5),
      arrays: [Int32Array.of(1), Int32Array.of(), Int32Array.of(2, 3)],
      "general.alignment": 64,
    });
    expect(header.tensors.get("b")).toMatchObject({ type: "F32", shape: [2, 3], elements: 6, bytes: 24 });
    expect((header.tensors.get("b")?.offset ?? 1) % 64).toBe(0);
  });

  test("is read from the disk; its header may be longer than the first piece", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "long.gguf");
    const texts = Array.from({ length: 50_000 }, (_, i) => `token ${i}`);
    await writeFile(path, encodeGguf({ metadata: { texts: { texts } }, tensors: [tensor("a"), tensor("b")] }));
    await using file = await openGguf(path);
    expect(file.metadata.get("texts")).toEqual(texts);
    const { offset = 0, bytes = 0 } = file.tensors.get("b") ?? {};
    expect(await file.read(offset, bytes)).toEqual(FLOATS);
  });
});

/** A header of one metadata pair whose value is these bytes. */
function withValue(...value: readonly Uint8Array[]): Uint8Array {
  const key = concat([u64(1), Uint8Array.of(97)]);
  return concat([SEED_FILE.subarray(0, 4), u32(3), u64(0), u64(1), key, ...value, new Uint8Array(64)]);
}

/** A header of one tensor. */
function withTensor(sizes: readonly (number | bigint)[], type: number, offset: number | bigint): Uint8Array {
  const name = concat([u64(1), Uint8Array.of(97)]);
  const entry = [name, u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset)];
  return concat([SEED_FILE.subarray(0, 4), u32(3), u64(1), u64(0), ...entry, new Uint8Array(256)]);
}

function changed(at: number, bytes: Uint8Array): Uint8Array {
  const copy = SEED_FILE.slice();
  copy.set(bytes, at);
  return copy;
}

const HUGE = 2n ** 64n - 1n;
/** Twenty arrays in each other. */
const DEEP = Array.from({ length: 20 }, () => concat([u32(9), u64(1)]));

describe("a header that lies is refused by name", () => {
  test.each([
    ["nothing", new Uint8Array(0), /not a GGUF file/],
    ["another kind of file", changed(0, Uint8Array.of(80)), /not a GGUF file/],
    ["version 1", changed(4, u32(1)), /version 1/],
    ["version 4", changed(4, u32(4)), /version 4/],
    ["the other byte order", changed(4, u32(0x03000000)), /big-endian/],
    ["more tensors than bytes", changed(8, u64(HUGE)), /announces 18446744073709551615 tensors/],
    ["more keys than bytes", changed(16, u64(HUGE)), /metadata keys/],
    ["a key longer than the file", changed(24, u64(2n ** 40n)), /bytes of text/],
    ["an unknown type", withValue(u32(13)), /unknown type 13/],
    ["an unknown type of items", withValue(u32(9), u32(99), u64(1)), /unknown type 99/],
    ["a text longer than the file", withValue(u32(8), u64(HUGE)), /bytes of text/],
    ["an array longer than the file", withValue(u32(9), u32(4), u64(1000)), /array items/],
    ["an array whose size in bytes overflows", withValue(u32(9), u32(10), u64(2n ** 61n)), /array items/],
    ["arrays without end", withValue(u32(9), ...DEEP), /nested deeper/],
    ["a boolean of 2", withValue(u32(7), Uint8Array.of(2)), /boolean/],
    ["five dimensions", withTensor([1, 1, 1, 1, 1], 0, 0), /5 dimensions/],
    ["a product that overflows", withTensor([2n ** 32n, 2n ** 32n], 0, 0), /more weights than/],
    ["a product that overflows to zero", withTensor([2n ** 32n, 2n ** 32n, 4], 0, 0), /more weights than/],
    ["a dimension beyond exact numbers, times zero", withTensor([HUGE, 0], 0, 0), /more weights than/],
    ["bytes past the end", withTensor([66], 0, 0), /reaches past its end/],
    ["an offset past the end", withTensor([1], 0, 1024), /reaches past its end/],
    ["an offset that wraps around", withTensor([1], 0, 2n ** 64n - 32n), /reaches past its end/],
    ["an offset between boundaries", withTensor([1], 0, 8), /multiple of 32/],
    ["rows of part of a block", withTensor([48], 2, 0), /whole Q4_0 blocks/],
    ["a type that is not supported", withTensor([32], 16, 0), /IQ2_XXS; supported are F32/],
    ["a type that does not exist", withTensor([32], 4, 0), /unknown type 4/],
  ])("%s", (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(loadFailed);
    expect(() => parse(bytes)).toThrow(message);
  });

  const twice: GgufToWrite = { tensors: [tensor("a"), tensor("a")] };
  test.each([
    ["an alignment of 0", { metadata: { "general.alignment": { u32: 0 } } }, /alignment/],
    ["an alignment of 24", { metadata: { "general.alignment": { u32: 24 } } }, /alignment/],
    ["an alignment in words", { metadata: { "general.alignment": { text: "32" } } }, /alignment/],
    ["a tensor twice", twice, /tensor "a" twice/],
  ] satisfies [string, GgufToWrite, RegExp][])("%s", (_, file, message) => {
    expect(() => parse(encodeGguf(file))).toThrow(loadFailed);
    expect(() => parse(encodeGguf(file))).toThrow(message);
  });

  test("a key twice", () => {
    const pair = concat([u64(1), Uint8Array.of(97), u32(0), Uint8Array.of(1)]);
    const bytes = concat([SEED_FILE.subarray(0, 4), u32(3), u64(0), u64(2), pair, pair]);
    expect(() => parse(bytes)).toThrow(/key "a" twice/);
  });

  test("tensors that overlap", () => {
    const bytes = encodeGguf({ tensors: [tensor("a"), tensor("b")] });
    const second = bytes.lastIndexOf("b".charCodeAt(0), 200);
    bytes.set(u64(0), second + 1 + 4 + 16 + 4);
    expect(() => parse(bytes)).toThrow(/overlap/);
  });
});

test("a file cut anywhere is refused", async () => {
  const whole = encodeGguf({ metadata: { a: { texts: ["b", "c"] } }, tensors: [tensor("a")] });
  const withoutPadding = whole.length - 8;
  for (let length = 0; length < withoutPadding; length++) {
    expect(() => parse(whole.subarray(0, length)), `${length} bytes`).toThrow(loadFailed);
  }
  expect(parse(whole.subarray(0, withoutPadding)).tensors.size).toBe(1);
});

test("a file that becomes shorter while it is open gives a named error", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "shrinks.gguf");
  await writeFile(path, encodeGguf({ tensors: [tensor("a")] }));
  await using file = await openGguf(path);
  await truncate(path, 40);
  await expect(file.read(file.tensors.get("a")?.offset ?? 0, 24)).rejects.toEqual(loadFailed);
});

test("a folder, a missing file and an endless header are refused", async () => {
  await using folder = await temporaryFolder();
  await expect(openGguf(folder.path)).rejects.toEqual(loadFailed);
  await expect(openGguf(join(folder.path, "missing.gguf"))).rejects.toEqual(loadFailed);
  const path = join(folder.path, "endless.gguf");
  const keys = Array.from({ length: 40 }, (_, i) =>
    concat([u64(1), Uint8Array.of(65 + i), u32(8), u64(8 * 1024 ** 2)]),
  );
  const head = concat([SEED_FILE.subarray(0, 4), u32(3), u64(0), u64(17)]);
  const hole = new Uint8Array(8 * 1024 ** 2);
  await writeFile(path, concat([head, ...keys.flatMap((key) => [key, hole])]));
  await expect(openGguf(path)).rejects.toThrow(/header is larger/);
});

describe("whatever the bytes, there is a result or a named error", () => {
  test("in the header", async () => {
    await fc.assert(
      fc.asyncProperty(mutated(SEED_FILE), async (bytes) => {
        await readsOrRefuses(() => {
          for (const { offset, bytes: length } of parse(bytes).tensors.values()) {
            expect(offset + length).toBeLessThanOrEqual(bytes.byteLength);
          }
        });
      }),
      { numRuns: 2000 },
    );
  });

  test("when only a part of them is at hand", () => {
    fc.assert(
      fc.property(fc.nat(SEED_FILE.length - 1), (length) => {
        const part = SEED_FILE.subarray(0, length);
        try {
          expect(parseGgufHeader(part, SEED_FILE.length, "test")).toEqual(parse(SEED_FILE));
        } catch (error) {
          expect(error).toBeInstanceOf(NeedMoreBytes);
          expect(error).toHaveProperty(
            "bytes",
            expect.toSatisfy((bytes: number) => bytes > length),
          );
        }
      }),
    );
  });

  test("on the disk", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "hostile.gguf");
    const outcomes = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(mutated(SEED_FILE), async (bytes) => {
        await writeFile(path, bytes);
        outcomes[(await readsOrRefuses(() => readWholeGguf(path))) ? "read" : "refused"]++;
      }),
      { numRuns: 300 },
    );
    // Both happen, so neither the mutations nor the checks are idle.
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(0);
  });
});
