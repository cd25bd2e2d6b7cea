import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRandom } from "../../../../node-agent/engine/random.ts";
import { addToStore } from "../../../../node-agent/model/store/add.ts";
import { pinVersion, rollBack } from "../../../../node-agent/model/store/choose-version.ts";
import { findLocalFiles, importModel } from "../../../../node-agent/model/store/import-local.ts";
import { manifestSchema, versionId } from "../../../../node-agent/model/store/manifest.ts";
import { removeModel } from "../../../../node-agent/model/store/remove.ts";
import { listVersions } from "../../../../node-agent/model/store/versions.ts";
import { tinyRepository } from "../../../support/hub-model.ts";
import { differences, pullFrom } from "../../../support/hub-pull.ts";
import { TestHub } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { killStore, SCENARIOS } from "../../../support/store-kill.ts";

describe("the store's versions", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let modelsDir: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    modelsDir = join(folder.path, "models");
    await mkdir(modelsDir);
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const write = async (files: Record<string, string>) => {
    const source = join(folder.path, crypto.randomUUID());
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(source, name)), { recursive: true });
      await writeFile(join(source, name), content);
    }
    return source;
  };
  const add = async (files: Record<string, string>, more: { move?: boolean; name?: string } = {}) =>
    await addToStore({ modelsDir, name: "m", folder: await write(files), source: "a test", ...more });
  const content = async (file: string) => await readFile(join(modelsDir, "m", file), "utf8");

  it("have the same id for the same content, whatever the order of its files", async () => {
    const file = (name: string, digit: string) => ({ name, bytes: 1, sha256: digit.repeat(64) });
    expect(versionId([file("a", "1"), file("b", "2")])).toBe(versionId([file("b", "2"), file("a", "1")]));
    expect(versionId([file("a", "1"), file("b", "2")])).not.toBe(versionId([file("a", "2"), file("b", "1")]));
    const first = await add({ a: "1" });
    expect(first).toMatchObject({ changed: true, active: true });
    expect(await add({ a: "1" })).toMatchObject({ version: first.version, changed: false, active: true });
  });

  it("keep files in folders, and take the files or leave them", async () => {
    const source = await write({ "config.json": "{}", "onnx/model_q4.onnx": "graph", ".hidden": "no" });
    await addToStore({ modelsDir, name: "m", folder: source, source: "a test" });
    expect(await content("onnx/model_q4.onnx")).toBe("graph");
    expect(await readdir(source)).toContain("config.json");
    await addToStore({ modelsDir, name: "m", folder: source, source: "a test", move: true });
    expect(await readdir(source)).toEqual([".hidden", "onnx"]);
    expect((await readdir(join(modelsDir, "m"))).toSorted()).toEqual(["config.json", "onnx", "porchlight.json"]);
  });

  it("are read-only, and go along when the data folder moves", async () => {
    await add({ a: "1" });
    await add({ a: "2" });
    expect((await stat(join(modelsDir, "m", "a"))).mode & 0o222).toBe(0);
    const elsewhere = join(folder.path, "elsewhere");
    await rename(modelsDir, elsewhere);
    expect(await readFile(join(elsewhere, "m", "a"), "utf8")).toBe("2");
    await rollBack(elsewhere, "m");
    expect(await readFile(join(elsewhere, "m", "a"), "utf8")).toBe("1");
  });

  it("take nothing from a folder of links, which is its owner's", async () => {
    const own = await write({ "config.json": "{}" });
    await mkdir(join(modelsDir, "m"));
    await symlink(join(own, "config.json"), join(modelsDir, "m", "config.json"));
    await expect(pinVersion(modelsDir, "m")).rejects.toMatchObject({ code: "model_not_found" });
    await add({ a: "1" });
    expect(await content("a")).toBe("1");
    expect(await readFile(join(own, "config.json"), "utf8")).toBe("{}");
    expect(await listVersions(modelsDir, "m")).toHaveLength(1);
  });

  it("are made of what links lead to, under the links' names, as a hub's cache has them", async () => {
    const own = await write({ "0123abcd": "weights" });
    await symlink(join(own, "0123abcd"), join(own, "tiny.gguf"));
    const found = await findLocalFiles(join(own, "tiny.gguf"));
    expect(found).toEqual({ folder: own, names: ["tiny.gguf"], name: "tiny" });
    await importModel(found, { modelsDir, name: "m", signal: new AbortController().signal });
    expect(await content("tiny.gguf")).toBe("weights");
    await writeFile(join(own, "0123abcd"), "others");
    expect(await content("tiny.gguf")).toBe("weights");
    await expect(findLocalFiles(join(own, "0123abcd"))).rejects.toMatchObject({ code: "model_not_found" });
  });

  it("refuse names that lead elsewhere, and leave nothing behind", async () => {
    const source = await write({ "a b": "1", "config.json": "{}" });
    const addFiles = (files: string[], name = "m") =>
      addToStore({ modelsDir, name, folder: source, files, source: "x" });
    for (const bad of ["../models", "/etc/passwd", "a b", "a\\b", "", ".hidden", "porchlight.json", "a/b/c/d"]) {
      await expect(addFiles([bad])).rejects.toMatchObject({ code: "invalid_request" });
    }
    for (const bad of ["../m", "starter", ".store", ""]) {
      await expect(addFiles(["config.json"], bad)).rejects.toMatchObject({ code: "invalid_request" });
    }
    await expect(addFiles([])).rejects.toMatchObject({ code: "model_not_found" });
    expect((await readdir(modelsDir)).filter((name) => !name.startsWith("."))).toEqual([]);
  });

  it.each([
    ["a path", [{ name: "../a" }]],
    ["two names that one file system could take for one", [{ name: "A" }, { name: "a" }]],
    ["a file that is a folder too", [{ name: "a" }, { name: "a/b" }]],
    ["a size that is none", [{ name: "a", bytes: -1 }]],
    ["a hash that is none", [{ name: "a", sha256: "x" }]],
    [
      "a tensor that begins nowhere",
      [{ name: "a", tensors: [{ name: "t", offset: -1, bytes: 1, sha256: "0".repeat(64) }] }],
    ],
    ["no files", []],
  ])("have no manifest with %s", (_what, files) => {
    const whole = files.map((file) => ({ bytes: 1, sha256: "0".repeat(64), ...file }));
    const manifest = { version: 1, source: "x", pulledAt: new Date().toISOString(), files: whole };
    expect(manifestSchema.safeParse(manifest).success).toBe(false);
    const good = { ...manifest, files: [{ name: "a", bytes: 1, sha256: "0".repeat(64) }] };
    expect(manifestSchema.safeParse(good).success).toBe(true);
  });

  it("change one at a time, from however many callers", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(names.map((name) => add({ shared: "1", own: name }, { name })));
    await Promise.all(
      names.map((name) => (name < "d" ? removeModel(modelsDir, name) : add({ shared: "1" }, { name }))),
    );
    expect((await readdir(modelsDir)).toSorted()).toEqual([".pull", ".store", "d", "e", "f"]);
    expect(await readdir(join(modelsDir, ".store", "blobs"))).toHaveLength(4);
    expect(await readdir(join(modelsDir, ".store", "tmp"))).toEqual([]);
  });

  it("survive the removal of a model whose blobs a pull is about to use", async () => {
    const files = await tinyRepository();
    await using hub = await TestHub.start({ files });
    await pullFrom(hub, modelsDir);
    const tokenizer = Buffer.from('{"newer":true}');
    let removal: Promise<unknown> | undefined;
    hub.options = {
      files: { ...files, "tokenizer.json": tokenizer },
      // The weights are known and taken by now; the tokenizer is not.
      fault: ({ path }) => {
        if (path.endsWith("tokenizer.json")) removal ??= removeModel(modelsDir, "tiny");
        return { pauseMs: 100 };
      },
    };
    const before = hub.sent.get("model.safetensors");
    const pulled = await pullFrom(hub, modelsDir, { name: "copy" });
    expect(await removal).toMatchObject({ folders: { length: 2 } });
    expect(await differences(pulled.folder, hub.options.files)).toEqual([]);
    expect(hub.sent.get("model.safetensors")).toBe(before);
    expect(await readdir(join(modelsDir, ".store", "blobs"))).toHaveLength(3);
  });

  it("are whole, the one before or the one to be, wherever a process is killed", async () => {
    const seed = Date.now();
    const random = createRandom(seed);
    const pick = () => SCENARIOS[Math.floor(random() * SCENARIOS.length)] ?? { before: "stored", operation: "add" };
    // All steps of all changes are for test/campaign/store.ts.
    for (let round = 0; round < 3; round++) {
      const [scenario, step] = [pick(), 1 + Math.floor(random() * 40)];
      const { findings } = await killStore(scenario, step);
      expect({ seed, scenario, step, findings }).toMatchObject({ findings: [] });
    }
  });
});
