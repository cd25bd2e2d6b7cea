import { mkdir, realpath, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chooseModels, chooseModelsAgain } from "../../../node-agent/agent/models.ts";
import { addToStore } from "../../../node-agent/model/store/add.ts";
import { removeModel } from "../../../node-agent/model/store/remove.ts";
import { starterGguf } from "../../support/gguf-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

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
