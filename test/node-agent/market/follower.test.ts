import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MarketFollower } from "../../../node-agent/market/follower.ts";
import { PluginSandbox } from "../../../node-agent/plugins/sandbox.ts";
import { REVOCATIONS_PATH } from "../../../shared/market/revocations.ts";
import { makePackage, newPublisherKeys } from "../../support/market.ts";
import { Repository } from "../../support/market-repository.ts";

const CALLER = { locale: "en", timeZone: "UTC" } as const;
const NOTHING = { grants: [], capabilities: new Map() };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "porchlight-market-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** A market with these revocations, and a follower of it that asks only when told to. */
async function market(name: string, revocations: object[] = []) {
  const repository = await Repository.make();
  const put = async (list: object[]): Promise<void> => {
    repository.targets.set(REVOCATIONS_PATH, new TextEncoder().encode(JSON.stringify({ revocations: list })));
    await repository.publish();
  };
  await put(revocations);
  const state = { offline: false };
  const log: string[] = [];
  const serve = async (file: string): Promise<Uint8Array | undefined> => {
    if (state.offline) throw new Error("no network");
    return repository.bytes(file);
  };
  const start = async (origin = "https://market.test"): Promise<MarketFollower> => {
    const follower = await MarketFollower.start({
      origin,
      file: join(folder, `${name}.json`),
      log: (line) => log.push(line),
      everyMs: 3600_000,
      files: {
        fetchMetadata: async (file) => await serve(file),
        fetchTarget: async (path) => await serve(`targets/${path}`),
      },
    });
    await follower.poll();
    return follower;
  };
  return { repository, put, state, log, start };
}

const revoked = (hash: string) => ({
  hash,
  name: "@ada/bad",
  version: "1.0.0",
  reason: "malware",
  words: "It steals.",
  at: 1,
});

describe("what a market took back", () => {
  test("does not run on this machine, though it did before", async () => {
    const plugin = await makePackage({ name: "@ada/bad" });
    const { start, put, log } = await market("runs");
    const follower = await start();
    const sandbox = new PluginSandbox({ processes: 1, revoked: follower });
    try {
      const call = { package: plugin, tool: "greet", input: {}, caller: CALLER, granted: NOTHING };
      expect(await sandbox.call(call)).toBe("hello");
      await put([revoked(plugin.hash)]);
      await follower.poll();
      const refusal = { code: "plugin_revoked", message: "The market took back @ada/bad 1.0.0: It steals." };
      await expect(sandbox.call(call)).rejects.toMatchObject(refusal);
      await expect(sandbox.describe(plugin)).rejects.toMatchObject(refusal);
      expect(log).toEqual([]);
    } finally {
      await Promise.all([sandbox.stop(), follower.stop()]);
    }
  });

  test("stays so without a network, and after a restart", async () => {
    const hash = "ab".repeat(32);
    const { start, state, log } = await market("stays", [revoked(hash)]);
    await (await start()).stop();
    state.offline = true;
    const follower = await start();
    await follower.poll();
    expect(() => follower.check(hash)).toThrow("It steals.");
    expect(() => follower.check("cd".repeat(32))).not.toThrow();
    expect(log).toEqual(["What the market took back could not be looked up: no network"]);
    await follower.stop();
  });

  test("is not given back by a market that goes back, or by another one", async () => {
    const hash = "ab".repeat(32);
    const { repository, start, put, log } = await market("back", [revoked(hash)]);
    const old = repository.copy();
    await put([revoked(hash), revoked("cd".repeat(32))]);
    const follower = await start();
    for (const [name, file] of old.files) repository.files.set(name, file);
    await follower.poll();
    expect(log.at(-1)).toContain("went back from version");
    expect(() => follower.check("cd".repeat(32))).toThrow("took back");
    await follower.stop();
    // Its root is another one: trust begins anew, the revocations stay until that one has said its own.
    const file = join(folder, "back.json");
    const kept = JSON.parse(await readFile(file, "utf8")) as { origin: string };
    expect(kept.origin).toBe("https://market.test");
    await writeFile(file, "{");
    const anew = await start();
    expect(() => anew.check(hash)).toThrow("took back");
    await anew.stop();
  });
});

describe("a plugin of a market", () => {
  test("is taken when it is what the metadata says, signed by its publisher", async () => {
    const keys = await newPublisherKeys();
    const { repository, start } = await market("plugin");
    const put = async (path: string, wanted: Parameters<typeof makePackage>[0], signed = true) => {
      const made = await makePackage(wanted, signed ? keys : undefined);
      repository.targets.set(path, made.bytes);
      repository.custom.set(path, { package: made.hash });
      return made;
    };
    const { hash } = await put("ada/good/1.0.0.tar", { name: "@ada/good" });
    await put("ada/other/1.0.0.tar", { name: "@ada/good" });
    await put("ada/newer/2.0.0.tar", { name: "@ada/newer" });
    await put("ada/bare/1.0.0.tar", { name: "@ada/bare" }, false);
    await put("ada/bent/1.0.0.tar", { name: "@ada/bent" });
    repository.custom.set("ada/bent/1.0.0.tar", { package: hash });
    await repository.publish();
    const follower = await start();
    const fetch = async (name: string, version = "1.0.0") => await follower.fetch({ publisher: "ada", name, version });
    expect((await fetch("good")).hash).toBe(hash);
    for (const name of ["other", "bare", "bent", "none"])
      await expect(fetch(name), name).rejects.toMatchObject({ code: "market_arbitrary_package" });
    await expect(fetch("newer", "2.0.0")).rejects.toMatchObject({ code: "market_arbitrary_package" });
    await follower.stop();
  });
});
