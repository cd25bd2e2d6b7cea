import { describe, expect, it } from "vitest";
import type { GgufHeader } from "../../../../node-agent/model/gguf/header.ts";
import { type FileState, rememberHeader } from "../../../../node-agent/model/gguf/header-memo.ts";

describe("the header of a GGUF file", () => {
  const state = (changes: Partial<FileState> = {}): FileState => ({
    dev: 1n,
    ino: 2n,
    size: 3n,
    mtimeNs: 4n,
    ctimeNs: 5n,
    ...changes,
  });
  const header = (): GgufHeader => ({ version: 3, metadata: new Map(), tensors: new Map() });
  const read = (file: FileState, found = header()) => rememberHeader(file, async () => found);

  it("is read once by several who want it, and again once anything about the file has changed", async () => {
    const [first, second] = await Promise.all([read(state()), read(state())]);
    expect(second).toBe(first);
    expect(await read(state())).toBe(first);
    for (const change of [{ dev: 9n }, { ino: 9n }, { size: 9n }, { mtimeNs: 9n }, { ctimeNs: 9n }]) {
      const other = header();
      expect(await read(state(change), other)).toBe(other);
    }
  });

  it("is read each time from a file that has just been written", async () => {
    const now = state({ ctimeNs: BigInt(Date.now()) * 1_000_000n });
    expect(await read(now)).not.toBe(await read(now));
  });

  it("is read again where it could not be read", async () => {
    const file = state({ ino: 7n });
    await expect(rememberHeader(file, () => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
    const found = header();
    expect(await read(file, found)).toBe(found);
  });
});
