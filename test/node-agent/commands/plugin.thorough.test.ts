import { execFile } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPackage } from "../../../shared/plugin/package.ts";
import { verifyManifest } from "../../../shared/plugin/signature.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { startStack, type TestStack } from "../../support/stack.ts";

const CLI = fileURLToPath(new URL("../../../node-agent/cli.ts", import.meta.url));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

interface Said {
  code: number;
  out: string;
  err: string;
}

async function porchlight(...words: string[]): Promise<Said> {
  return await run(words);
}

async function run(words: readonly string[], env: NodeJS.ProcessEnv = {}, input = ""): Promise<Said> {
  return await new Promise((resolve) => {
    const args = [CLI, "plugin", ...words, "--data", join(folder.path, "data")];
    const options = { cwd: folder.path, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, args, options, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
    });
    child.stdin?.end(input);
  });
}

const packageAt = async (name: string) => await readPackage(new Uint8Array(await readFile(join(folder.path, name))));

/** The commands of a plugin's developer, as they type them. */
describe("porchlight plugin", () => {
  it("begins a plugin that passes its cases, packs to the same bytes, and is signed", async () => {
    expect((await porchlight("new", "@ada/weather")).code).toBe(0);
    const tested = await porchlight("test", "weather");
    expect(tested).toMatchObject({ code: 0, err: expect.stringContaining("2 passed") as string });
    expect((await porchlight("pack", "weather", "--out", "a.plugin")).err).toContain("Nothing beyond what it is asked");
    const packed = await porchlight("pack", "weather", "--out", "b.plugin", "--json");
    expect(await readFile(join(folder.path, "a.plugin"))).toEqual(await readFile(join(folder.path, "b.plugin")));
    const plugin = await packageAt("a.plugin");
    expect(JSON.parse(packed.out)).toMatchObject({ name: "@ada/weather", version: "0.1.0", hash: plugin.hash });
    expect([...plugin.files.keys()].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(["README.md", "main.js"]);
    expect((await porchlight("sign", "a.plugin")).code).toBe(0);
    const signed = await packageAt("a.plugin");
    expect(signed.signature && (await verifyManifest(signed.manifest, signed.signature))).toBe(true);
    expect(signed.hash).toBe(plugin.hash);
    const { mode } = await stat(join(folder.path, "data", "publisher-keys", "publisher.json"));
    expect(mode & 0o777).toBe(0o600);
    expect((await porchlight("keys")).out).toContain(signed.signature?.publicKey);
  });

  it("says what a case came to, and where the source is wrong", async () => {
    await porchlight("new", "@ada/broken");
    const main = join(folder.path, "broken", "main.ts");
    const source = await readFile(main, "utf8");
    await writeFile(main, source.replace("Hello", "Hi"));
    const failed = await porchlight("test", "broken");
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/returned \{"greeting":"Hi, Ada!"\}\s+instead of {2}\{"greeting":"Hello, Ada!"\}/);
    await writeFile(main, source.replace("export default", "export default default"));
    expect((await porchlight("test", "broken")).err).toMatch(/main\.ts:\d+:\d+: Unexpected "default"/);
  });

  it.each([
    ["a folder without a manifest", ["pack", "."], "no manifest.json"],
    ["a folder that is none", ["test", "none"], "no manifest.json"],
    ["a name that is none", ["new", "Not A Name"], "small letters"],
    ["a folder that is taken", ["new", "@ada/weather"], "something in"],
    ["a package that is none", ["sign", "weather/main.ts"], "package"],
    ["a file that is not there", ["sign", "none.plugin"], "cannot be read"],
    ["a key that is not there", ["sign", "b.plugin", "--key", "nobody"], "no key 'nobody'"],
    ["a key's name that is a path", ["keys", "../../x"], "small letters"],
    ["too many words", ["pack", "a", "b"], "takes a folder"],
    ["an unknown word", ["frobnicate"], "takes new"],
    ["an edge that does not run", ["list"], "Nothing runs"],
  ])("refuses %s in one sentence", async (_, words, sentence) => {
    const { code, err } = await porchlight(...words);
    expect(code).toBeGreaterThan(0);
    expect(err).toContain(sentence);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(err).not.toMatch(/\bat \S+\.ts:\d+/);
  });

  it.each([
    ["{", "not valid JSON"],
    ["[]", "manifest.json"],
    ['{"name":"@ada/x"}', "version"],
    ['{"name":"x","version":"1.0.0"}', "@publisher/name"],
  ])("says what is wrong with the manifest %s", async (text, sentence) => {
    await porchlight("new", "@ada/bent");
    await writeFile(join(folder.path, "bent", "manifest.json"), text);
    const { code, err } = await porchlight("pack", "bent");
    expect(code).toBe(1);
    expect(err).toContain(sentence);
  });
});

/** The same against a real edge and a real machine at home. */
describe("porchlight plugin, with an edge", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await stack?.stop();
  });
  const there = async (words: string[], input = ""): Promise<Said> =>
    await run([...words, "--origin", stack.origin], { PORCHLIGHT_API_KEY: stack.apiKey }, input);
  const here = async (...words: string[]): Promise<Said> => await there(words);

  it("installs what was packed once one agrees, calls it at home, updates it and removes it", async () => {
    await here("new", "@ada/greeter");
    await here("pack", "greeter", "--out", "greeter.plugin");
    await here("sign", "greeter.plugin");
    const refused = await here("install", "greeter.plugin");
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("say --yes") as string });
    expect((await here("list", "--json")).out).toBe("[]\n");
    const installed = await here("install", "greeter.plugin", "--yes");
    expect(installed.err, installed.err).toContain("@ada/greeter 0.1.0 is installed");
    expect(installed.err).toMatch(/Signed by \S{43}[\s\S]*It asks to:[\s\S]*Nothing beyond what it is asked/);
    expect(JSON.parse((await here("call", "@ada/greeter", "greet", '{"name":"Ada"}')).out)).toEqual({
      greeting: "Hello, Ada!",
    });
    expect(await here("call", "@ada/greeter", "greet", "{}")).toMatchObject({
      code: 1,
      err: expect.stringContaining("name") as string,
    });
    expect((await here("call", "@ada/greeter", "none")).code).toBe(1);

    const manifest = join(folder.path, "greeter", "manifest.json");
    const wider = {
      ...(JSON.parse(await readFile(manifest, "utf8")) as object),
      version: "0.2.0",
      permissions: { net: ["api.example.com"], secrets: ["TOKEN"] },
    };
    await writeFile(manifest, JSON.stringify(wider));
    await here("pack", "greeter", "--out", "greeter.plugin");
    const updated = await here("install", "greeter.plugin", "--yes");
    expect(updated.err).toMatch(
      /you have 0\.1\.0[\s\S]*Nobody has signed it[\s\S]*More than before: net \(api\.example\.com\)[\s\S]*Another key/,
    );
    expect(await there(["secret", "@ada/greeter", "TOKEN"], "s3cret\n")).toMatchObject({
      code: 0,
    });
    expect((await here("list", "--json")).out).toContain('"secretsSet":["TOKEN"]');
    expect((await here("list")).out).toBe("@ada/greeter 0.2.0: greet\n");
    expect((await here("remove", "@ada/greeter", "--yes")).code).toBe(0);
    expect((await here("remove", "@ada/greeter", "--yes")).code).toBe(1);
    expect((await here("list")).out).toBe("");
  }, 120_000);
});
