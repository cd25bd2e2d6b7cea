import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { main } from "../../../node-agent/cli.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

describe("porchlight models quantize and eval", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => void (data = await temporaryFolder()));
  afterAll(() => data[Symbol.asyncDispose]());

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
  const file = async (name: string, text: string) => {
    await writeFile(join(data.path, name), text);
    return join(data.path, name);
  };

  it("makes a model of its own, says what it cost, and leaves nothing else behind", async () => {
    const text = await file("text.txt", "<|im_start|>user\nHello! Who are you?<|im_end|>\n".repeat(4));
    const recipe = await file(
      "recipe.json",
      JSON.stringify({ tensors: [{ match: "*.v_proj.weight", weights: "int8" }] }),
    );
    const made = await run(
      "quantize",
      "starter",
      "--as",
      "small",
      "--method",
      "rtn",
      "--text",
      text,
      "--recipe",
      recipe,
      "--block",
      "32",
    );
    expect(made).toMatchObject({ code: 0, err: expect.stringMatching(/small.* is here: 3\.\d MB by rtn/) });
    expect(made.out).toMatch(/layers\.\*\.self_attn\.v_proj\.weight +int8 +0\.\d+%/);
    expect(made.out).toMatch(/layers\.\*\.mlp\.up_proj\.weight +int4\/32 +\d\.\d+%/);
    expect(made.out).toMatch(/Perplexity \d.* \(fp32\) -> \d/);
    const models = join(data.path, "models");
    expect((await readdir(models)).filter((name) => !name.startsWith(".p") && !name.startsWith(".s"))).toEqual([
      "small",
    ]);
    expect((await run("list")).out).toMatch(/^small +LlamaForCausalLM +5\.48M +generate +int4 /m);

    const evaluated = await run("eval", "small", "--text", text, "--json");
    expect(JSON.parse(evaluated.out)).toMatchObject({ name: "small", quantization: "int4", window: 1024, stride: 512 });
    expect(await readdir(join(data.path, "compiled"))).toEqual([]);
  });

  it.each([
    [["quantize", "starter"], /--as NAME/],
    [["quantize", "starter", "--as", "starter"], /comes with Porchlight/],
    [["quantize", "starter", "--as", "x", "--weights", "int3"], /--weights is one of/],
    [["quantize", "starter", "--as", "x", "--block", "48"], /--block is one of/],
    [["quantize", "starter", "--as", "x", "--recipe", "missing.json"], /There is no file/],
    [["quantize", "nobody", "--as", "x"], /no model "nobody"/],
    [["eval", "starter", "--text", "missing.txt"], /There is no file/],
  ])("%j is refused with the way out", async (argv, sentence) => {
    const { code, err, out } = await run(...argv);
    expect([code === 0, out]).toEqual([false, ""]);
    expect(err).toMatch(sentence);
  });

  it("a recipe that is none is refused", async () => {
    const recipe = await file("bad.json", JSON.stringify({ weights: "int4", colour: "red" }));
    expect((await run("quantize", "starter", "--as", "x", "--recipe", recipe)).err).toMatch(/recipe[\s\S]*colour/);
    const text = await file("bad.txt", "no JSON");
    expect((await run("quantize", "starter", "--as", "x", "--recipe", text)).err).toMatch(/is not a JSON object/);
  });
});
