import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { main } from "../../../node-agent/cli.ts";
import { tinyRepository } from "../../support/hub-model.ts";
import { differences } from "../../support/hub-pull.ts";
import { noise, TestHub } from "../../support/hub-server.ts";
import { starterGguf } from "../../support/gguf-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { writeTinyLlama } from "../../support/model-tiny-llama.ts";

const CLI = fileURLToPath(new URL("../../../node-agent/cli.ts", import.meta.url));

describe("porchlight models", () => {
  let files: Record<string, Uint8Array>;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let hub: TestHub;

  // Each pull listens for Ctrl-C until its process ends, and here they all share one.
  beforeAll(() => void process.setMaxListeners(50));
  beforeEach(async () => {
    files = await tinyRepository();
    data = await temporaryFolder();
    hub = await TestHub.start({ files });
    vi.stubEnv("HF_ENDPOINT", `${hub.endpoint}/`);
    vi.stubEnv("HF_TOKEN", "hf_secret");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

  /** Runs `porchlight models ...` in this process and returns what it printed. */
  const run = async (...argv: string[]) => {
    let [out, err] = ["", ""];
    const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
    const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true));
    try {
      return { code: await main(["models", ...argv, "--data", data.path]), out, err };
    } finally {
      stdout.mockRestore();
      stderr.mockRestore();
    }
  };
  const json = async (...argv: string[]): Promise<unknown> => JSON.parse((await run(...argv, "--json")).out);
  const folder = (name: string) => join(data.path, "models", name);

  it("pulls, lists, shows, verifies and removes a model", async () => {
    const pulled = await run("pull", "hf:acme/tiny");
    expect(pulled).toMatchObject({ code: 0, out: "" });
    expect(pulled.err).toMatch(/tiny.*3 files/);
    expect(pulled.err).toMatch(/tiny is here.*\n.*porchlight up --model tiny/);
    expect(hub.requests.every(({ authorization }) => authorization === "Bearer hf_secret")).toBe(true);
    expect((await run("pull", "acme/tiny")).err).toMatch(/here already/);

    expect((await run("list")).out).toMatch(/^tiny +LlamaForCausalLM +\S+[MB] +generate +fp32 .*models\/tiny$/m);
    expect((await run()).out).toBe((await run("list")).out);
    expect(await json("list")).toMatchObject({
      models: [
        { name: "tiny", usable: true, source: "hf:acme/tiny" },
        { name: "starter", bundled: true },
      ],
    });
    expect((await run("show", "tiny")).out).toMatch(
      /Source +hf:acme\/tiny[\s\S]*model\.safetensors +\S+ kB +[0-9a-f]{64}/,
    );
    expect(await json("verify", "tiny")).toMatchObject({ intact: true, files: { length: 3 } });

    expect(await run("rm", "tiny", "--yes")).toMatchObject({ code: 0, err: expect.stringMatching(/removed/) });
    expect(existsSync(folder("tiny"))).toBe(false);
    expect(await readdir(join(data.path, "models", ".pull"))).toEqual([]);
  });

  it("finds files that are not what was pulled", async () => {
    await run("pull", "acme/tiny", "--as", "mine");
    await writeFile(join(folder("mine"), "tokenizer.json"), "[]");
    await appendFile(join(folder("mine"), "model.safetensors"), "x");
    await rm(join(folder("mine"), "config.json"));
    expect(await json("verify", "mine")).toEqual({
      name: "mine",
      intact: false,
      files: [
        { name: "tokenizer.json", state: "wrong_content" },
        { name: "config.json", state: "missing" },
        { name: "model.safetensors", state: "wrong_size" },
      ],
    });
    expect(await run("verify", "mine")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/pull hf:acme\/tiny --as mine/),
    });
    await run("pull", "acme/tiny", "--as", "mine");
    expect(await differences(folder("mine"), files)).not.toContain("model.safetensors");
  });

  it("takes a model on this disk, copied or linked", async () => {
    await using own = await temporaryFolder();
    await writeTinyLlama(own.path);
    await writeFile(join(own.path, "train.py"), "import os");
    expect(await run("pull", own.path, "--as", "copied")).toMatchObject({ code: 0 });
    expect(await readdir(folder("copied"))).toEqual([
      "config.json",
      "model.safetensors",
      "porchlight.json",
      "tokenizer.json",
    ]);
    expect(await run("pull", own.path, "--as", "linked", "--link")).toMatchObject({ code: 0 });
    expect(await json("show", "linked")).toMatchObject({ usable: true, files: [] });
    expect(await run("verify", "linked")).toMatchObject({ code: 1, err: expect.stringMatching(/was not pulled/) });
    expect(await run("rm", "linked", "-y")).toMatchObject({ code: 0 });
    expect(await readdir(own.path)).toContain("model.safetensors");
    expect(await run("pull", "./no/such/folder")).toMatchObject({ code: 1, err: expect.stringMatching(/nothing at/) });
  });

  it("does not download weights that this build cannot load, unless told to", async () => {
    files["config.json"] = Buffer.from('{"architectures":["MambaForCausalLM"]}');
    const refused = await run("pull", "acme/tiny");
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot load MambaForCausalLM; it loads LlamaForCausalLM.*--force/),
    });
    expect(hub.sent.has("model.safetensors")).toBe(false);
    expect(await run("pull", "acme/tiny", "--force")).toMatchObject({
      code: 0,
      err: expect.stringMatching(/cannot load it/),
    });
    expect((await run("list")).out).toMatch(/^tiny +cannot be loaded/m);
  });

  it("pulls a quantisation that this build loads, and knows a GGUF file that was put among the models", async () => {
    const gguf = await starterGguf("Q8_0");
    hub.options = { files: { "starter-Q4_0.gguf": noise(1, 1_000), "starter-Q8_0.gguf": gguf } };
    expect(await run("pull", "acme/starter-GGUF:Q8_0")).toMatchObject({
      code: 0,
      err: expect.stringMatching(/up --model starter-Q8_0/),
    });
    expect(await run("pull", "acme/starter-GGUF:Q8_0", "--as", "mine")).toMatchObject({ code: 0 });
    await writeFile(folder("loose.gguf"), gguf);
    const usable = (name: string) => expect.objectContaining({ name, usable: true, architecture: "LlamaForCausalLM" });
    expect(await json("list")).toMatchObject({ models: ["loose", "mine", "starter-Q8_0", "starter"].map(usable) });
    expect(await json("verify", "mine")).toMatchObject({ intact: true });
    expect(await run("verify", "loose")).toMatchObject({ code: 1, err: expect.stringMatching(/was not pulled/) });
    for (const name of ["loose", "mine"]) expect(await run("rm", name, "--yes")).toMatchObject({ code: 0 });
    expect(await readdir(join(data.path, "models"))).toEqual([".pull", ".store", "starter-Q8_0"]);
  });

  it("suggests models with sizes and licences", async () => {
    expect(await json("suggest")).toMatchObject({
      suggestions: expect.arrayContaining([expect.objectContaining({ licence: "Apache-2.0" })]),
    });
    expect((await run("suggest")).out).toMatch(
      /NAME +PARAMETERS[\s\S]*recommended[\s\S]*porchlight models pull \S+\n$/,
    );
  });

  it.each([
    [["dance"], 2, /takes pull, list/],
    [["pull"], 2, /takes one model/],
    [["pull", "a/b", "c/d"], 2, /takes one model/],
    [["list", "x"], 2, /takes nothing more/],
    [["pull", "just-a-name"], 2, /is no model/],
    [["pull", "acme/tiny@"], 2, /once/],
    [["pull", "acme/tiny", "--as", "../x"], 2, /cannot be a model's name/],
    [["pull", "acme/tiny", "--as", "starter"], 2, /comes with Porchlight/],
    [["pull", "https://127.0.0.1:1/x.bin"], 2, /\.gguf/],
    [["pull", "acme/tiny@nope/rev:Q4_K_M"], 1, /no "Q4_K_M".*without naming a file/],
    [["show", "startr"], 1, /Did you mean starter/],
    [["rm", "starter", "--yes"], 1, /stays/],
  ])("refuses %j with exit code %i and a sentence", async (argv, code, sentence) => {
    const refused = await run(...argv);
    expect(refused).toMatchObject({ code, out: "" });
    expect(refused.err).toMatch(sentence);
    expect(refused.err.trim().split("\n")).toHaveLength(1);
  });

  it("wants --yes where nobody can be asked", async () => {
    await run("pull", "acme/tiny");
    expect(await run("rm", "tiny")).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) });
    expect(existsSync(folder("tiny"))).toBe(true);
  });

  it("Ctrl-C ends a pull at once, and the same command goes on from there", async () => {
    files = { "model.gguf": noise(1, 400_000) };
    hub.options = { files, pieceBytes: 2 * 1024, fault: () => ({ pauseMs: 1 }) };
    const child = spawn(process.execPath, [CLI, "models", "pull", "acme/tiny", "--data", data.path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (piece) => (err += String(piece)));
    await vi.waitUntil(() => hub.totalSent > 60_000, { timeout: 10_000, interval: 2 });
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(err).toMatch(/The same command goes on/);
    expect(existsSync(folder("model"))).toBe(false);
    await hub.settled();
    hub.options = { files };
    await run("pull", "acme/tiny");
    expect(await differences(folder("model"), files)).toEqual([]);
    expect(hub.totalSent).toBeLessThan(600_000);
  });
});
