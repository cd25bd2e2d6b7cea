import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "../../../../node-agent/model/store/lock.ts";
import { readManifest } from "../../../../node-agent/model/store/manifest.ts";
import { openStaging } from "../../../../node-agent/model/store/model-store.ts";
import { removeModel } from "../../../../node-agent/model/store/remove.ts";
import { CATALOGUE, suggestModels } from "../../../../node-agent/model/store/catalogue.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

describe("the model store", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });
  const put = async (content: string) => {
    await using staging = await openStaging(folder.path, "m");
    await writeFile(join(staging.files, "a"), content);
    return await staging.activate();
  };
  const content = async () => await readFile(join(folder.path, "m", "a"), "utf8");

  it("puts a model in place, and another in its place", async () => {
    await put("one");
    await put("two");
    expect(await content()).toBe("two");
    expect(await readdir(folder.path)).toEqual([".pull", "m"]);
    expect(await readdir(join(folder.path, ".pull"))).toEqual([]);
  });

  it("keeps what an interrupted run staged", async () => {
    await using first = await openStaging(folder.path, "m");
    await writeFile(join(first.parts, "a"), "half");
    await first[Symbol.asyncDispose]();
    await using second = await openStaging(folder.path, "m");
    expect(await readdir(second.parts)).toEqual(["a"]);
  });

  it("brings a model back whose replacement was killed half-way", async () => {
    await put("one");
    await mkdir(join(folder.path, ".pull", "m"), { recursive: true });
    await rename(join(folder.path, "m"), join(folder.path, ".pull", "m", "replaced"));
    await using staging = await openStaging(folder.path, "m");
    expect(await content()).toBe("one");
    await staging.discard();
  });

  it("removes a model and what was staged of it", async () => {
    await put("one");
    await removeModel(folder.path, "m");
    expect(await readdir(folder.path)).toEqual([".pull", ".store"]);
  });

  it("reads no manifest that names a path", async () => {
    const file = { name: "../a", bytes: 1, sha256: "0".repeat(64) };
    const manifest = { version: 1, source: "x", pulledAt: new Date().toISOString(), files: [file] };
    await writeFile(join(folder.path, "porchlight.json"), JSON.stringify(manifest));
    expect(await readManifest(folder.path)).toBeUndefined();
    await writeFile(
      join(folder.path, "porchlight.json"),
      JSON.stringify({ ...manifest, files: [{ ...file, name: "a" }] }),
    );
    expect(await readManifest(folder.path)).toMatchObject({ files: [{ name: "a" }] });
    await writeFile(join(folder.path, "porchlight.json"), "{");
    expect(await readManifest(folder.path)).toBeUndefined();
  });
});

describe("takeLock", () => {
  it("refuses while the owner lives and takes over when it is dead", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    const owner = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await writeFile(path, String(owner.pid));
    await expect(takeLock(path)).rejects.toMatchObject({ code: "model_busy", message: expect.stringContaining(path) });
    const exited = new Promise((resolve) => owner.once("exit", resolve));
    owner.kill("SIGKILL");
    await exited;
    await (await takeLock(path))[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(false);
  });

  it("lets one of many take over a dead process's lock", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "lock");
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    for (let round = 0; round < 20; round++) {
      await writeFile(path, String(pid));
      const takers = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path)));
      const taken = takers.filter((taker) => taker.status === "fulfilled");
      expect(taken).toHaveLength(1);
      for (const { value } of taken) await value[Symbol.asyncDispose]();
      expect(await readdir(folder.path)).toEqual([]);
    }
  });
});

describe("suggestModels", () => {
  it("recommends the largest that can be loaded and leaves half of the memory free", () => {
    for (const gigabytes of [0.1, 1, 2, 4, 8, 16, 64]) {
      const suggestions = suggestModels(gigabytes * 1e9, ["LlamaForCausalLM"]);
      const candidates = suggestions.filter(
        ({ loadable, memoryBytes }) => loadable && memoryBytes <= Math.min(gigabytes * 5e8, 2.5e9),
      );
      expect(suggestions.filter(({ recommended }) => recommended)).toEqual(candidates.slice(-1));
      expect(candidates.every(({ architecture }) => architecture === "LlamaForCausalLM")).toBe(true);
    }
  });

  it("recommends none that a CPU reads slower than people do, however much memory there is", () => {
    const suggestions = suggestModels(256e9);
    const [recommended] = suggestions.filter((suggestion) => suggestion.recommended);
    expect(recommended?.memoryBytes).toBeLessThanOrEqual(2.5e9);
    expect(suggestions.some(({ fits, memoryBytes }) => fits && memoryBytes > 2.5e9)).toBe(true);
  });

  it("lists each model once, smallest first", () => {
    const sizes = CATALOGUE.map(({ parameters }) => parameters);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(new Set(CATALOGUE.map(({ name }) => name)).size).toBe(CATALOGUE.length);
  });
});
