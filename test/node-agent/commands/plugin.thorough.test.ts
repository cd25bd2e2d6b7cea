import { execFile } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPackage } from "../../../shared/plugin/package.ts";
import { verifyManifest } from "../../../shared/plugin/signature.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

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
  const args = [CLI, "plugin", ...words, "--data", join(folder.path, "data")];
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder.path }, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
    });
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
