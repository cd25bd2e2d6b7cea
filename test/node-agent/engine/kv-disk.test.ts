import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KvDisk } from "../../../node-agent/engine/kv-disk.ts";
import { Scheduler } from "../../../node-agent/engine/scheduler.ts";
import { createSampler } from "../../../node-agent/engine/sampler.ts";
import { NEUTRAL_SAMPLING } from "../../../node-agent/engine/sampling-params.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { submitCollecting } from "../../support/engine-collect.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { readEvaluation } from "../../support/model-starter.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "porchlight-kv-"));
});

afterEach(() => rm(folder, { recursive: true }));

const open = (options: { model?: string; maxBytes?: number } = {}) =>
  KvDisk.open({ folder, model: "a model", maxBytes: 1e6, ...options });

/** `count` tokens that begin with `first`. */
const run = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => (i === 0 ? first : i));

async function save(disk: KvDisk, tokens: number[]): Promise<Uint8Array> {
  const data = Uint8Array.from(tokens.flatMap((token) => [token % 251, 0, 7, 9]));
  disk.save(tokens, data.length, () => data);
  await disk.flush();
  return data;
}

describe("KvDisk", () => {
  it("finds the longest prefix again, also after a restart", async () => {
    const data = await save(await open(), run(1, 200));
    const disk = await open();
    const found = disk.find([...run(1, 150), 999, 998]);
    expect(found?.length).toBe(150);
    if (found === undefined) throw new Error("not found");
    expect(await disk.read(found.entry)).toEqual(Buffer.from(data));
    expect(disk.find([5, 6, 7])).toBeUndefined();
  });

  it("is readable by its user only", async () => {
    await save(await open(), run(1, 200));
    const [name = ""] = await readdir(folder);
    expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
  });

  it("keeps the longer of two that begin alike, and does not write what it has", async () => {
    const disk = await open();
    await save(disk, run(1, 200));
    await save(disk, run(1, 300));
    await save(disk, run(1, 250));
    await save(disk, run(2, 100));
    expect(await readdir(folder)).toHaveLength(1);
    expect(disk.find(run(1, 400))?.length).toBe(300);
  });

  it("stays within its space; what was used least recently goes first", async () => {
    const disk = await open({ maxBytes: 4_000 });
    await save(disk, run(1, 200));
    await save(disk, run(2, 200));
    const first = disk.find(run(1, 200));
    if (first !== undefined) await disk.read(first.entry);
    await save(disk, run(3, 200));
    expect([1, 2, 3].map((token) => disk.find(run(token, 200))?.length)).toEqual([200, undefined, 200]);
    expect(disk.bytes).toBeLessThanOrEqual(4_000);
    const big = run(4, 2_000);
    await save(disk, big);
    expect(disk.find(big)).toBeUndefined();
  });

  it("removes what is of another model, damaged, cut short, or no such file", async () => {
    const first = await open();
    for (const token of [1, 2, 3]) await save(first, run(token, 200));
    const names = (await readdir(folder)).map((name) => join(folder, name));
    const [whole = "", short = "", broken = ""] = names;
    await truncate(short, 500);
    const bytes = await readFile(broken);
    bytes[bytes.length - 1] = 0xff;
    await writeFile(broken, bytes);
    await writeFile(join(folder, "hostile.kv"), "99999999{}");
    await writeFile(join(folder, "empty.kv"), "");
    const disk = await open();
    const readable = [];
    for (const token of [1, 2, 3]) {
      const found = disk.find(run(token, 200));
      if (found !== undefined && (await disk.read(found.entry)) !== undefined) readable.push(token);
    }
    expect(readable).toHaveLength(1);
    expect((await readdir(folder)).map((name) => join(folder, name))).toEqual([whole]);
    await open({ model: "another" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("brings a conversation of the starter back in a new process, token for token", async () => {
    const documents = (await readEvaluation()).documents.map(({ ids }) => ids);
    const prompt = documents.flat().slice(0, 600);
    const load = () => loadDecoder({ folder: STARTER, quantization: "fp32", cacheDir: join(folder, "c"), slots: 2 });
    const answer = async (scheduler: Scheduler, tokens: readonly number[]) => {
      const sampler = createSampler({ ...NEUTRAL_SAMPLING, temperature: 0 }, tokens);
      return await submitCollecting(scheduler, { prompt: tokens, maxTokens: 20, stopTokens: new Set(), sampler }).done;
    };
    const kvFolder = join(folder, "kv");
    const openKv = () => KvDisk.open({ folder: kvFolder, model: "starter", maxBytes: 1e9 });
    const before = await load();
    const first = new Scheduler(before, { kvDisk: await openKv() });
    const { tokens } = await answer(first, prompt);
    await first.stop(new PorchlightError("engine_crashed"));
    await before.dispose();

    const after = await load();
    const second = new Scheduler(after, { kvDisk: await openKv() });
    const turn = [...prompt, ...tokens, ...documents.flat().slice(700, 720)];
    const restored = await answer(second, turn);
    expect(restored.end?.cachedTokens).toBeGreaterThanOrEqual(prompt.length + 18);
    const fresh = new Scheduler(after);
    expect(restored.tokens).toEqual((await answer(fresh, turn)).tokens);
    await after.dispose();
  });
});
