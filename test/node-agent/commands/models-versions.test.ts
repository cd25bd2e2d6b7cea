import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { main } from "../../../node-agent/cli.ts";
import { CompiledCache } from "../../../node-agent/model/compiled-cache.ts";
import { tinyRepository } from "../../support/hub-model.ts";
import { differences } from "../../support/hub-pull.ts";
import { TestHub } from "../../support/hub-server.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const versionsSchema = z.object({
  versions: z.array(
    z.object({ name: z.string(), version: z.string(), active: z.boolean(), pinned: z.boolean(), ownBytes: z.number() }),
  ),
  blobBytes: z.number(),
  sharedBytes: z.number(),
});

describe("porchlight models, versions", () => {
  let files: Record<string, Uint8Array>;
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let hub: TestHub;

  beforeAll(() => void process.setMaxListeners(50));
  beforeEach(async () => {
    files = await tinyRepository();
    data = await temporaryFolder();
    hub = await TestHub.start({ files });
    vi.stubEnv("HF_ENDPOINT", `${hub.endpoint}/`);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

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
  const folder = (name: string) => join(data.path, "models", name);
  const versions = async () => versionsSchema.parse(JSON.parse((await run("list", "--versions", "--json")).out));
  const blobs = async () => await readdir(join(data.path, "models", ".store", "blobs"));
  /** A new commit in which only the tokenizer differs. */
  const publish = (number: number) => {
    const changed = { ...files, "tokenizer.json": Buffer.from(`{"version":${number}}`) };
    hub.options = { files: changed, listing: (listing) => ({ ...listing, sha: String(number).repeat(40) }) };
    return changed;
  };

  it("shares what two versions and two names have in common, and fetches only the rest", async () => {
    await run("pull", "acme/tiny");
    const before = hub.sent.get("model.safetensors");
    const second = publish(2);
    await run("pull", "acme/tiny");
    expect(await run("pull", "acme/tiny", "--as", "copy")).toMatchObject({ code: 0 });
    expect(hub.sent.get("model.safetensors")).toBe(before);
    expect(await differences(folder("tiny"), second)).toEqual([]);
    expect(await differences(folder("copy"), second)).toEqual([]);
    expect(await blobs()).toHaveLength(4);
    const seen = await versions();
    expect(seen.versions.map(({ name, active }) => [name, active])).toEqual([
      ["copy", true],
      ["tiny", true],
      ["tiny", false],
    ]);
    const weights = files["model.safetensors"]?.length ?? 0;
    expect(seen.sharedBytes).toBeGreaterThan(2 * weights);
    expect(seen.blobBytes).toBeLessThan(2 * weights);
    expect((await run("list")).out).toMatch(/The store takes .* less than if nothing were shared\.\n$/);
    expect((await run("list", "--versions")).out).toMatch(
      /^tiny +[0-9a-f]{12} +active +.* hf:acme\/tiny @ 222222222222$/m,
    );
  });

  it("rolls back and forward, and a pull moves on", async () => {
    await run("pull", "acme/tiny");
    const second = publish(2);
    await run("pull", "acme/tiny");
    const [newest, oldest] = (await versions()).versions;
    expect((await run("rollback", "tiny")).err).toMatch(new RegExp(`runs ${oldest?.version}`));
    expect(await differences(folder("tiny"), files)).toEqual([]);
    expect(await run("rollback", "tiny")).toMatchObject({ code: 1, err: expect.stringMatching(/oldest version/) });
    expect(await run("rollback", "tiny", newest?.version.slice(0, 5) ?? "")).toMatchObject({ code: 0 });
    expect(await differences(folder("tiny"), second)).toEqual([]);
    await run("rollback", "tiny");
    const sent = hub.totalSent;
    expect((await run("pull", "acme/tiny")).err).toMatch(/is here/);
    expect(hub.totalSent).toBe(sent);
    expect(await differences(folder("tiny"), second)).toEqual([]);
    expect(await run("rollback", "tiny", "nope")).toMatchObject({ code: 1, err: expect.stringMatching(/There are: /) });
    expect(await run("rollback", "starter")).toMatchObject({ code: 1, err: expect.stringMatching(/comes with/) });
  });

  it("leaves a pinned version active, and says so", async () => {
    await run("pull", "acme/tiny");
    await run("pin", "tiny");
    const second = publish(2);
    const pulled = await run("pull", "acme/tiny");
    expect(pulled).toMatchObject({ code: 0, err: expect.stringMatching(/another is pinned.*\n.*models unpin tiny/) });
    expect(await differences(folder("tiny"), files)).toEqual([]);
    expect((await versions()).versions).toMatchObject([
      { active: false, pinned: false },
      { active: true, pinned: true },
    ]);
    const newest = (await versions()).versions[0]?.version ?? "";
    expect(await run("rollback", "tiny", newest)).toMatchObject({ code: 2, err: expect.stringMatching(/unpin tiny/) });
    await run("unpin", "tiny");
    await run("pull", "acme/tiny");
    expect(await differences(folder("tiny"), second)).toEqual([]);
    expect(await run("pin", "tiny", (await versions()).versions[1]?.version ?? "")).toMatchObject({ code: 0 });
    expect(await differences(folder("tiny"), files)).toEqual([]);
  });

  it("removes a version or a model, with the blobs and compiled files that nobody else needs", async () => {
    await run("pull", "acme/tiny");
    publish(2);
    await run("pull", "acme/tiny");
    await run("pull", "acme/tiny", "--as", "copy");
    const [, newest, oldest] = (await versions()).versions;
    const cache = new CompiledCache(join(data.path, "compiled"));
    const entry = async (place: string) => {
      const made = { key: { place }, source: JSON.stringify([place, "int8"]) };
      await cache.build(made, (target) => writeFile(join(target, "model.onnx"), place));
      return () => cache.find(made);
    };
    const [ofOld, ofNew, ofCopy] = [
      await entry(join(folder(".store"), "models", "tiny", `tiny@${oldest?.version}`)),
      await entry(await realpath(folder("tiny"))),
      await entry(await realpath(folder("copy"))),
    ];
    expect(await run("rm", "tiny", "--version", newest?.version ?? "", "-y")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/is what tiny runs/),
    });
    expect(await run("rm", "tiny", "--version", oldest?.version ?? "", "-y")).toMatchObject({ code: 0 });
    expect([await ofOld(), await ofNew(), await ofCopy()].map(Boolean)).toEqual([false, true, true]);
    expect(await blobs()).toHaveLength(3);
    expect(await run("rm", "tiny", "-y")).toMatchObject({
      code: 0,
      err: expect.stringMatching(/tiny.* 0 kB are free/),
    });
    expect([await ofNew(), await ofCopy()].map(Boolean)).toEqual([false, true]);
    expect(existsSync(folder("tiny"))).toBe(false);
    expect(await blobs()).toHaveLength(3);
    await run("rm", "copy", "-y");
    expect(await blobs()).toEqual([]);
    expect((await versions()).versions).toEqual([]);
  });

  it("finds a blob that went bad, and gets it again without the rest", async () => {
    await run("pull", "acme/tiny");
    await run("pull", "acme/tiny", "--as", "copy");
    await writeFile(join(folder("tiny"), "tokenizer.json"), "[]");
    expect(await run("verify", "copy")).toMatchObject({
      code: 1,
      out: expect.stringMatching(/tokenizer\.json has an/),
    });
    const before = hub.sent.get("model.safetensors");
    await run("pull", "acme/tiny", "--as", "copy");
    await run("pull", "acme/tiny");
    expect(hub.sent.get("model.safetensors")).toBe(before);
    for (const name of ["tiny", "copy"]) expect(await differences(folder(name), files)).toEqual([]);
    expect(await run("verify", "tiny")).toMatchObject({ code: 0 });
  });

  it("takes over a folder that was here before there was a store, where it lies", async () => {
    await mkdir(folder("tiny"), { recursive: true });
    for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
      await writeFile(join(folder("tiny"), name), files[name] ?? "");
    }
    const { ino } = await stat(join(folder("tiny"), "model.safetensors"));
    expect((await run("list")).out).toMatch(/^tiny +LlamaForCausalLM/m);
    publish(2);
    await run("pull", "acme/tiny");
    expect(await run("rollback", "tiny")).toMatchObject({ code: 0 });
    expect(await differences(folder("tiny"), files)).toEqual([]);
    expect((await stat(join(folder("tiny"), "model.safetensors"))).ino).toBe(ino);
    expect(JSON.parse((await run("show", "tiny", "--json")).out)).toMatchObject({ source: "put here by hand" });
    expect(hub.sent.has("model.safetensors")).toBe(false);
  });

  it("hashes each tensor", async () => {
    await run("pull", "acme/tiny");
    const manifest = z
      .object({
        files: z.array(
          z.object({
            name: z.string(),
            tensors: z.array(z.object({ offset: z.number(), bytes: z.number(), sha256: z.string() })).optional(),
          }),
        ),
      })
      .parse(JSON.parse(await readFile(join(folder("tiny"), "porchlight.json"), "utf8")));
    const tensors = manifest.files.find(({ name }) => name === "model.safetensors")?.tensors ?? [];
    const weights = files["model.safetensors"] ?? Buffer.alloc(0);
    expect(tensors.length).toBeGreaterThan(5);
    for (const { offset, bytes, sha256 } of tensors) {
      expect(
        createHash("sha256")
          .update(weights.subarray(offset, offset + bytes))
          .digest("hex"),
      ).toBe(sha256);
    }
    expect(tensors.reduce((sum, { bytes }) => sum + bytes, tensors[0]?.offset ?? 0)).toBe(weights.length);
  });
});
