import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PullEvent } from "../../../../node-agent/model/pull/pull.ts";
import { listLocalModels } from "../../../../node-agent/model/registry.ts";
import { tinyRepository } from "../../../support/hub-model.ts";
import { differences, pullFrom, visibleModels } from "../../../support/hub-pull.ts";
import { COMMIT, type HubOptions, noise, TestHub } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

describe("pulling a model", () => {
  let files: Record<string, Uint8Array>;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let hubs: TestHub[] = [];

  beforeEach(async () => {
    files = await tinyRepository();
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await Promise.all(hubs.map((hub) => hub[Symbol.asyncDispose]()));
    hubs = [];
    await folder[Symbol.asyncDispose]();
  });

  const start = async (options: Partial<HubOptions> = {}) => {
    const hub = await TestHub.start({ files, ...options });
    hubs.push(hub);
    return hub;
  };

  it("fetches what the model needs and nothing else, and the registry lists it", async () => {
    const hub = await start();
    const pulled = await pullFrom(hub, folder.path);
    expect(pulled).toMatchObject({ name: "tiny", changed: true });
    expect((await readdir(pulled.folder)).toSorted()).toEqual([
      "config.json",
      "model.safetensors",
      "porchlight.json",
      "tokenizer.json",
    ]);
    expect(await differences(pulled.folder, files)).toEqual([]);
    const [model] = await listLocalModels({ folders: [folder.path] });
    expect(model).toMatchObject({ name: "tiny", usable: true });
    const manifest: unknown = JSON.parse(await readFile(join(pulled.folder, "porchlight.json"), "utf8"));
    expect(manifest).toMatchObject({ version: 1, source: "hf:acme/tiny", revision: COMMIT });
    expect(await readdir(join(folder.path, ".pull"))).toEqual([]);
    expect(hub.totalSent).toBe(pulled.manifest.files.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it("fetches nothing when exactly this is here, and all of it when the source has changed", async () => {
    const hub = await start();
    await pullFrom(hub, folder.path);
    const before = hub.totalSent;
    expect(await pullFrom(hub, folder.path)).toMatchObject({ changed: false });
    expect(hub.totalSent).toBe(before);

    const tokenizer = Buffer.from('{"newer":true}');
    hub.options = {
      files: { ...files, "tokenizer.json": tokenizer },
      listing: (listing) => ({ ...listing, sha: "f".repeat(40) }),
    };
    const pulled = await pullFrom(hub, folder.path);
    expect(pulled).toMatchObject({ changed: true, manifest: { revision: "f".repeat(40) } });
    expect(await differences(pulled.folder, hub.options.files)).toEqual([]);
    expect(await visibleModels(folder.path)).toEqual(["tiny"]);
  });

  it("takes a quantisation of a GGUF repository, under the file's name", async () => {
    files = {
      "tiny-Q4_0.gguf": noise(1, 50_000),
      "tiny-Q8_0.gguf": noise(2, 70_000),
      "mmproj-tiny-F16.gguf": noise(3, 10),
    };
    const hub = await start();
    const pulled = await pullFrom(hub, folder.path, { source: "hf:acme/tiny-GGUF:q8_0@main" });
    expect(pulled.name).toBe("tiny-Q8_0");
    expect(await differences(pulled.folder, files)).toEqual([]);
    await expect(pullFrom(hub, folder.path, { source: "acme/tiny-GGUF" })).rejects.toThrow(/Q4_0, Q8_0/);
    await expect(pullFrom(hub, folder.path, { source: "acme/tiny-GGUF:Q2_K" })).rejects.toThrow(
      /no "Q2_K".*Q4_0, Q8_0/,
    );
  });

  it("fetches a .gguf file at a plain address, and goes on with it only if it is still the same", async () => {
    files = { "tiny.gguf": noise(4, 100_000) };
    let version = '"v1"';
    const hub = await start({
      fault: ({ count }) => ({ headers: { etag: version }, ...([2, 5].includes(count) ? { dropAfter: 5_000 } : {}) }),
    });
    const source = `${hub.endpoint}/acme/tiny/resolve/main/tiny.gguf`;
    const once = { firstMs: 1, maxMs: 1, attempts: 1, longestAskedMs: 0 };
    const other = { source, endpoint: "http://127.0.0.1:1", connections: 1 };
    await expect(pullFrom(hub, folder.path, { ...other, retry: once })).rejects.toMatchObject({
      code: "model_download_failed",
    });
    let kept = 0;
    const onEvent = (event: PullEvent) => (kept += event.type === "received" && event.kept ? event.bytes : 0);
    await expect(pullFrom(hub, folder.path, { ...other, retry: once, onEvent })).rejects.toMatchObject({
      code: "model_download_failed",
    });
    expect(kept).toBeGreaterThan(0);
    version = '"v2"';
    files["tiny.gguf"] = noise(5, 100_000);
    kept = 0;
    const pulled = await pullFrom(hub, folder.path, { ...other, onEvent });
    expect(kept).toBe(0);
    expect(await differences(pulled.folder, files)).toEqual([]);
  });

  it("does not go on with weights that this build cannot load", async () => {
    const hub = await start();
    const inspectConfig = () => {
      throw new Error("not this one");
    };
    await expect(pullFrom(hub, folder.path, { inspectConfig })).rejects.toThrow("not this one");
    expect(hub.sent.has("model.safetensors")).toBe(false);
  });

  it("lets one process at a time work on a model", async () => {
    const hub = await start({ fault: () => ({ pauseMs: 5 }) });
    const outcomes = await Promise.allSettled([pullFrom(hub, folder.path), pullFrom(hub, folder.path)]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason).toMatchObject({ code: "model_busy" });
    expect(await visibleModels(folder.path)).toEqual(["tiny"]);
  });

  it("refuses names that are no model's here", async () => {
    const hub = await start();
    for (const name of ["../evil", ".hidden", "a/b", ""]) {
      await expect(pullFrom(hub, folder.path, { name })).rejects.toMatchObject({ code: "invalid_request" });
    }
    expect(await visibleModels(folder.path)).toEqual([]);
  });
});
