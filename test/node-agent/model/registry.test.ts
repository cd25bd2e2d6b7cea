import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { defaultQuantization } from "../../../node-agent/model/default-quantization.ts";
import { fingerprintModel } from "../../../node-agent/model/fingerprint.ts";
import { nearNames } from "../../../node-agent/model/near-names.ts";
import {
  chooseDefault,
  type LocalModel,
  listLocalModels,
  readModel,
  resolveModel,
  type UsableModel,
} from "../../../node-agent/model/registry.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { tinyGguf } from "../../support/gguf-tiny-llama.ts";
import { encodeGguf } from "../../support/gguf-writer.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { writeTinyLlama } from "../../support/model-tiny-llama.ts";

const GIB = 2 ** 30;

function model(name: string, parameters: number): UsableModel {
  const quantization = defaultQuantization({ parameters });
  const info = {
    name,
    parameters,
    quantization,
    task: "generate" as const,
    architecture: "LlamaForCausalLM",
    contextLength: 1024,
    createdAt: 1,
    loaded: false,
  };
  return { name, folder: `/models/${name}`, usable: true, info };
}

test("a GGUF file that pools its states is no model for chat", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "vectors.gguf");
  const write = async (pooling: number) =>
    await writeFile(path, encodeGguf(tinyGguf({ "llama.pooling_type": { u32: pooling } })));
  await write(3);
  expect(await readModel(path)).toMatchObject({ usable: false, problem: expect.stringContaining("for embeddings") });
  await write(0);
  expect(await readModel(path)).toMatchObject({ usable: true });
});

describe("listing", () => {
  test("describes the bundled model", async () => {
    const models = await listLocalModels({ folders: [dirname(STARTER)] });
    expect(models).toEqual([
      {
        name: "starter",
        folder: STARTER,
        usable: true,
        info: {
          name: "starter",
          contextLength: 1024,
          task: "generate",
          architecture: "LlamaForCausalLM",
          quantization: "fp32",
          parameters: 5_475_584,
          createdAt: expect.any(Number),
          loaded: false,
        },
      },
    ]);
  });

  test("says of a broken folder what is wrong, and goes on", async () => {
    await using folder = await temporaryFolder();
    for (const name of ["good", "no-tokenizer", "no-weights", "bad-config", "not-a-model", ".hidden"]) {
      await mkdir(join(folder.path, name));
      if (name !== "not-a-model") await writeTinyLlama(join(folder.path, name));
    }
    await rm(join(folder.path, "no-tokenizer", "tokenizer.json"));
    await rm(join(folder.path, "no-weights", "model.safetensors"));
    await writeFile(join(folder.path, "bad-config", "config.json"), "{");
    await writeFile(join(folder.path, "a-file"), "");
    const models = await listLocalModels({ folders: [join(folder.path, "absent"), folder.path] });
    const summary = models.map((found) => [found.name, found.usable ? "usable" : found.problem]);
    expect(Object.fromEntries(summary)).toEqual({
      good: "usable",
      "no-tokenizer": expect.stringContaining("no tokenizer.json"),
      "no-weights": expect.stringContaining("model.safetensors"),
      "bad-config": expect.stringContaining("not valid JSON"),
    });
    await expect(resolveModel("bad-config", models)).rejects.toMatchObject({ code: "model_load_failed" });
  });

  test("takes a name from the first folder that has it", async () => {
    await using first = await temporaryFolder();
    await using second = await temporaryFolder();
    for (const folder of [first, second]) {
      await mkdir(join(folder.path, "same"));
      await writeTinyLlama(join(folder.path, "same"));
    }
    const models = await listLocalModels({ folders: [first.path, second.path] });
    expect(models.map((found) => found.folder)).toEqual([join(first.path, "same")]);
  });
});

describe("resolving", () => {
  const models: LocalModel[] = [model("Qwen3-0.6B", 6e8), model("starter", 5e6)];

  test("a name, or a folder's path", async () => {
    expect((await resolveModel("starter", models)).name).toBe("starter");
    expect((await resolveModel(STARTER, [])).info.parameters).toBe(5_475_584);
  });

  test.each([
    ["qwen3", /Did you mean Qwen3-0.6B\?/],
    ["stater", /Did you mean starter\?/],
    ["zzzzzzzzzzzz", /There are: Qwen3-0.6B, starter\./],
    ["/no/such/folder", /There are/],
  ])("%s is not found, with a hint", async (name, hint) => {
    const failed = await resolveModel(name, models).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "model_not_found", param: "model", message: expect.stringMatching(hint) });
  });

  test("near names come nearest first and are few", () => {
    expect(nearNames("lama", ["llama-1", "llama-2", "lama2", "gemma", "Lama"])).toEqual(["Lama", "lama2", "llama-1"]);
    expect(nearNames("x".repeat(10_000), ["x"])).toEqual([]);
  });
});

describe("choosing", () => {
  const broken: LocalModel = { name: "broken", folder: "/models/broken", usable: false, problem: "cut off" };
  const all = [model("starter", 5e6), model("seven", 7e9), model("one", 1.1e9), broken];

  test.each([
    [64 * GIB, "seven"],
    [5 * GIB, "one"],
    [0.9 * GIB, "starter"],
    [1024, "starter"],
  ])("with %d bytes of memory", (memoryBytes, expected) => {
    expect(chooseDefault(all, memoryBytes)?.name).toBe(expected);
  });

  test("there may be none", () => {
    expect(chooseDefault([broken], GIB)).toBeUndefined();
    expect(chooseDefault([model("seven", 7e9)], GIB)).toBeUndefined();
  });

  test("is never one for embeddings, however large", () => {
    const vectors = model("vectors", 6e8);
    const others = [{ ...vectors, info: { ...vectors.info, task: "embed" as const } }];
    expect(chooseDefault([...others, model("small", 1e6)], 64 * GIB)?.name).toBe("small");
    expect(chooseDefault(others, 64 * GIB)).toBeUndefined();
    expect(defaultQuantization({ parameters: 6e8, task: "embed" })).toBe("int8");
  });

  test("the quantisation goes by size", () => {
    const sizes = [5e6, 49e6, 135e6, 360e6, 600e6, 7e9];
    expect(sizes.map((parameters) => defaultQuantization({ parameters }))).toEqual(
      ["fp32", "fp32", "int8", "int8", "int4", "int4"], //
    );
  });
});

describe("fingerprint", () => {
  test("is the content's, not the folder's", async () => {
    await using folder = await temporaryFolder();
    const [one, two] = [join(folder.path, "one"), join(folder.path, "two")];
    await mkdir(one);
    await writeTinyLlama(one, 1);
    await cp(one, two, { recursive: true });
    expect(await fingerprintModel(two)).toBe(await fingerprintModel(one));
    await writeTinyLlama(two, 2);
    expect(await fingerprintModel(two)).not.toBe(await fingerprintModel(one));
    await writeTinyLlama(two, 1, { config: { rope_theta: 5001 } });
    expect(await fingerprintModel(two)).not.toBe(await fingerprintModel(one));
  });
});
