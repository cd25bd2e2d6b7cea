import { mkdir, realpath, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chooseModels, chooseModelsAgain } from "../../../node-agent/agent/models.ts";
import { addToStore } from "../../../node-agent/model/store/add.ts";
import { removeModel } from "../../../node-agent/model/store/remove.ts";
import { starterGguf } from "../../support/gguf-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { writeTinyLlama } from "../../support/model-tiny-llama.ts";

it("finds each model where one version of it stays, and the default first for as long as it is there", async () => {
  await using data = await temporaryFolder();
  const modelsDir = join(data.path, "models");
  const wanted = { modelsDir, slots: 1, memoryBytes: 8e9 };
  await mkdir(join(modelsDir, "linked"), { recursive: true });
  // As in a hub's cache: the file itself is called after its content.
  const blob = join(data.path, "0123abcd");
  const gguf = await starterGguf("F32");
  await writeFile(blob, gguf);
  await symlink(blob, join(modelsDir, "linked", "model.gguf"));
  await mkdir(join(data.path, "made"));
  await writeFile(join(data.path, "made", "model.gguf"), gguf);
  const { version } = await addToStore({
    modelsDir,
    name: "stored",
    folder: join(data.path, "made"),
    source: "a test",
  });

  const { models } = await chooseModels({ ...wanted, model: "stored" });
  const root = await realpath(modelsDir);
  expect(models.map(({ name, folder }) => [name, folder])).toEqual([
    ["stored", join(root, ".store", "models", "stored", `stored@${version}`, "model.gguf")],
    ["linked", join(root, "linked", "model.gguf")],
    ["starter", expect.any(String)],
  ]);
  expect(await chooseModelsAgain(wanted, models)).toEqual(models);

  // While it is being replaced, what cannot be read stays as it was.
  await rename(blob, join(data.path, "away"));
  await writeFile(blob, "half");
  const half = await chooseModelsAgain(wanted, models);
  expect(half.find(({ name }) => name === "linked")).toEqual(models.find(({ name }) => name === "linked"));
  await removeModel(modelsDir, "stored");
  expect((await chooseModelsAgain(wanted, models)).map(({ name }) => name)).toEqual(["linked", "starter"]);
});

it("gives a conversation the context that was chosen, and refuses one that the model or the memory cannot take, with the numbers", async () => {
  await using data = await temporaryFolder();
  const grown = join(data.path, "grown");
  await mkdir(grown);
  const rope_scaling = { rope_type: "dynamic", factor: 4 };
  await writeTinyLlama(grown, 1, { config: { max_position_embeddings: 1000, rope_scaling } });
  const choose = async (wanted: { contextLength?: number; memoryBytes?: number } = {}) => {
    const { models } = await chooseModels({
      modelsDir: data.path,
      model: "grown",
      slots: 2,
      memoryBytes: 8e9,
      ...wanted,
    });
    return Object.fromEntries(models.map(({ name, contextLength, kvBytes }) => [name, { contextLength, kvBytes }]));
  };
  // Keys and values of 3 layers with 3 heads of 16 numbers.
  const bytesPerPosition = 3 * 2 * 3 * 16 * 4;
  const free = await choose();
  expect(free["grown"]).toEqual({ contextLength: 4000, kvBytes: 4 * 4000 * bytesPerPosition });
  const chosen = await choose({ contextLength: 3000 });
  expect(chosen["grown"]).toEqual({ contextLength: 3000, kvBytes: 4 * 3000 * bytesPerPosition });
  // Others take what they can of it.
  expect(chosen["starter"]).toEqual(free["starter"]);
  expect(free["starter"]?.contextLength).toBeLessThan(3000);
  // More than the share that it would get by itself, but all of it there.
  const tight = { memoryBytes: 3500 * bytesPerPosition };
  expect((await choose(tight))["grown"]?.contextLength).toBe(583);
  expect((await choose({ ...tight, contextLength: 3000 }))["grown"]).toEqual({
    contextLength: 3000,
    kvBytes: 3000 * bytesPerPosition,
  });
  await expect(choose({ contextLength: 4001 })).rejects.toThrow(
    /4001 tokens is more than grown can take, which is 4000/u,
  );
  await expect(choose({ ...tight, contextLength: 3501 })).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringMatching(/3501 tokens takes 0\.00403 GB .* 0\.00403 GB .* at most 3500/u),
  });
});
