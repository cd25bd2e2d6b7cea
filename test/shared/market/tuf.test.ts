import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalize } from "@tufjs/canonical-json";
import * as fc from "fast-check";
import { Updater } from "tuf-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TrustClient } from "../../../shared/market/tuf/client.ts";
import { canonicalTuf } from "../../../shared/market/tuf/canonical.ts";
import { tufTime } from "../../../shared/market/tuf/root.ts";
import { signMetadata } from "../../../shared/market/tuf/signer.ts";
import { DAY, newKeys, newSigner, Repository } from "../../support/market-repository.ts";
import { memoryTrust } from "../../support/market-trust.ts";

const PATH = "ada/weather/1.0.0.tar";
const WEATHER = new TextEncoder().encode("the weather");

function clientOf(repository: Repository, kept: Map<string, string>, nowMs = repository.nowMs): TrustClient {
  return new TrustClient({
    fetchMetadata: async (file, most) => repository.bytes(file)?.subarray(0, most + 1),
    fetchTarget: async (path, most) => repository.bytes(`targets/${path}`)?.subarray(0, most + 1),
    store: memoryTrust(kept),
    now: () => nowMs,
  });
}

const trusting = (repository: Repository): Map<string, string> => new Map([["root", repository.text("1.root.json")]]);

describe("an honest market", () => {
  test("is followed, from the root to the package", async () => {
    const repository = await Repository.make();
    const kept = trusting(repository);
    const client = clientOf(repository, kept);
    await client.refresh();
    expect(await client.download(PATH)).toEqual(WEATHER);
    expect(await client.target("ada/other/1.0.0.tar")).toBeUndefined();
    expect([...kept.keys()].toSorted().slice(1)).toEqual(["root", "snapshot", "targets", "timestamp"]);
    // And from what was kept, with a newer package.
    repository.targets.set("ada/weather/1.1.0.tar", new TextEncoder().encode("more weather"));
    await repository.publish();
    const later = clientOf(repository, kept);
    await later.refresh();
    expect(new TextDecoder().decode(await later.download("ada/weather/1.1.0.tar"))).toBe("more weather");
    expect(await later.download(PATH)).toEqual(WEATHER);
  });

  test("may change all of its keys, and starts counting anew", async () => {
    const repository = await Repository.make();
    const kept = trusting(repository);
    repository.versions.timestamp = 1_000; // as by somebody who had the key
    await repository.publish();
    await clientOf(repository, kept).refresh();
    const before = repository.keys.root;
    repository.keys = await newKeys();
    await repository.putRoot([before, repository.keys.root]);
    repository.versions.timestamp = 1;
    await repository.publish();
    const client = clientOf(repository, kept);
    await client.refresh();
    expect(client.rootVersion).toBe(2);
    expect(await client.download(PATH)).toEqual(WEATHER);
  });
});

/** Each bends a copy of the repository, after a client saw the honest one if `seen`. */
const ATTACKS: Record<
  string,
  { code: string; seen?: boolean; bend: (repository: Repository) => Promise<void>; nowMs?: number }
> = {
  "rollback: an older timestamp": {
    code: "market_rollback",
    seen: true,
    bend: async (repository) => {
      repository.versions.timestamp = 0;
      await repository.publish();
    },
  },
  "rollback: an older snapshot under a newer timestamp": {
    code: "market_rollback",
    seen: true,
    bend: async (repository) => {
      repository.versions.snapshot = 0;
      await repository.publish();
    },
  },
  "rollback: older targets under a newer snapshot": {
    code: "market_rollback",
    seen: true,
    bend: async (repository) => {
      repository.versions.targets = 0;
      await repository.publish();
    },
  },
  "rollback: an older bin under a newer snapshot": {
    code: "market_rollback",
    seen: true,
    bend: async (repository) => {
      repository.versions.bin = 0;
      await repository.publish();
    },
  },
  "rollback: a bin that is gone": {
    code: "market_rollback",
    seen: true,
    bend: async (repository) => {
      repository.targets.clear();
      await repository.publish();
    },
  },
  "rollback: a root that skips a version": {
    code: "market_rollback",
    bend: async (repository) => {
      repository.versions.root = 2;
      await repository.putRoot();
      repository.files.set("2.root.json", repository.text("3.root.json"));
    },
  },
  "freeze: a timestamp that has expired": { code: "market_freeze", bend: async () => undefined, nowMs: 2 * DAY },
  "freeze: the same, seen before": { code: "market_freeze", seen: true, bend: async () => undefined, nowMs: 2 * DAY },
  "freeze: a root that has expired": {
    code: "market_freeze",
    bend: async (repository) => {
      await repository.putRoot([repository.keys.root], -DAY);
    },
  },
  "freeze: a snapshot that has expired under a fresh timestamp": {
    code: "market_freeze",
    bend: async (repository) => {
      await repository.publish({ lifeMs: -DAY });
      const timestamp = JSON.parse(repository.text("timestamp.json")) as { signed: object };
      const signed = { ...timestamp.signed, expires: tufTime(repository.nowMs + DAY) };
      repository.files.set("timestamp.json", await signMetadata(signed, [repository.keys.timestamp]));
    },
  },
  "mix and match: a snapshot that the timestamp does not name": {
    code: "market_mix_and_match",
    bend: async (repository) => {
      const old = repository.text("2.snapshot.json");
      await repository.publish();
      repository.files.set("3.snapshot.json", old);
    },
  },
  "mix and match: targets that the snapshot does not name": {
    code: "market_mix_and_match",
    bend: async (repository) => {
      const old = repository.text("2.targets.json");
      await repository.publish();
      repository.files.set("3.targets.json", old);
    },
  },
  "mix and match: a bin of another snapshot": {
    code: "market_mix_and_match",
    bend: async (repository) => {
      const [name = ""] = [...repository.files.keys()].filter((file) => file.startsWith("2.bin-"));
      const old = repository.text(name);
      await repository.publish();
      repository.files.set(name.replace("2.", "3."), old);
    },
  },
  "wrong signature: a timestamp by the snapshot's key": {
    code: "market_wrong_signature",
    bend: async (repository) => {
      repository.keys = { ...repository.keys, timestamp: repository.keys.snapshot };
      await repository.publish();
    },
  },
  "wrong signature: everything by strange keys": {
    code: "market_wrong_signature",
    bend: async (repository) => {
      repository.keys = await newKeys();
      await repository.publish();
    },
  },
  "wrong signature: a root that the old root's key did not sign": {
    code: "market_wrong_signature",
    bend: async (repository) => {
      repository.keys = await newKeys();
      await repository.putRoot();
      await repository.publish();
    },
  },
  "wrong signature: a root that its own key did not sign": {
    code: "market_wrong_signature",
    bend: async (repository) => {
      const before = repository.keys.root;
      repository.keys = { ...repository.keys, root: await newSigner() };
      await repository.putRoot([before]);
    },
  },
  "wrong signature: a changed timestamp": {
    code: "market_wrong_signature",
    bend: async (repository) => {
      repository.files.set("timestamp.json", repository.text("timestamp.json").replace('"version":2', '"version":3'));
    },
  },
  "arbitrary package: other bytes of the same length": {
    code: "market_arbitrary_package",
    bend: async (repository) => {
      for (const name of repository.files.keys())
        if (name.startsWith("targets/")) repository.files.set(name, new TextEncoder().encode("THE WEATHER"));
    },
  },
  "arbitrary package: endless bytes": {
    code: "market_arbitrary_package",
    bend: async (repository) => {
      for (const name of repository.files.keys())
        if (name.startsWith("targets/")) repository.files.set(name, new Uint8Array(1_000_000));
    },
  },
  "unreadable: no JSON": {
    code: "market_unreadable",
    bend: async (repository) => {
      repository.files.set("timestamp.json", "<html>");
    },
  },
  "unreadable: nothing there": {
    code: "market_unreadable",
    bend: async (repository) => {
      repository.files.delete("timestamp.json");
    },
  },
};

describe("an attack is refused by name", () => {
  let honest: Repository;
  let root: string;
  beforeAll(async () => {
    honest = await Repository.make();
    await honest.publish();
    root = await mkdtemp(join(tmpdir(), "porchlight-tuf-"));
  });
  afterAll(async () => await rm(root, { recursive: true, force: true }));

  test.each(Object.entries(ATTACKS))("%s", async (name, { code, seen = false, bend, nowMs = 0 }) => {
    const kept = trusting(honest);
    if (seen) {
      const before = clientOf(honest, kept);
      await before.refresh();
      await before.download(PATH);
    }
    const trusted = new Map(kept);
    const bent = honest.copy();
    await bend(bent);
    const attempt = async (): Promise<void> => {
      const client = clientOf(bent, kept, bent.nowMs + nowMs);
      await client.refresh();
      await client.download(PATH);
    };
    await expect(attempt()).rejects.toMatchObject({ code });
    // What was trusted goes on, once the honest market answers again.
    if (seen && nowMs === 0) {
      const after = clientOf(honest, new Map(trusted));
      await after.refresh();
      expect(await after.download(PATH)).toEqual(WEATHER);
    }
    // The reference implementation refuses it as well, by whatever name.
    if (nowMs === 0)
      await expect(
        byTufJs(bent, honest.text("1.root.json"), seen ? honest : undefined, join(root, name.replaceAll(/\W/g, "-"))),
      ).rejects.toThrow();
  });

  test("the reference implementation takes the honest market", async () => {
    const bytes = await byTufJs(honest, honest.text("1.root.json"), honest, join(root, "honest"));
    expect(new Uint8Array(bytes)).toEqual(WEATHER);
  });
});

test("no byte of anything that a market serves can be changed unnoticed", async () => {
  const honest = await Repository.make();
  const files = [...honest.files.keys()];
  const anyChange = fc.record({ file: fc.constantFrom(...files), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(anyChange, async ({ file, at, by }) => {
      const bent = honest.copy();
      const bytes = bent.bytes(file)?.slice() ?? new Uint8Array();
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ by;
      bent.files.set(file, bytes);
      const client = clientOf(bent, trusting(honest));
      const outcome = await client.refresh().then(
        async () => await client.download(PATH).catch((error: unknown) => error),
        (error: unknown) => error,
      );
      // What is not signed, such as a space between members or the first root that is trusted already, changes nothing.
      if (outcome instanceof Uint8Array) expect(outcome).toEqual(WEATHER);
      else expect(outcome).toMatchObject({ code: expect.stringMatching(/^market_/) });
    }),
    { numRuns: 100 },
  );
});

test("canonical JSON is what the reference implementation signs", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.string({ unit: "binary" }),
      fc.array(tie("value"), { maxLength: 4 }),
      // As they come from JSON: integers as names would be sorted by the engine, and `__proto__` is nobody's.
      fc.dictionary(
        fc.string({ unit: "binary" }).map((name) => `k${name}`),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  }));
  fc.assert(
    fc.property(value, (one) => {
      const json: unknown = JSON.parse(JSON.stringify(one));
      expect(canonicalTuf(json)).toBe(canonicalize(json));
    }),
    { numRuns: 100 },
  );
});

test("canonical JSON is OLPC's", () => {
  expect(canonicalTuf({ b: [1, 'x\n"\\é'], a: null, ab: true })).toBe('{"a":null,"ab":true,"b":[1,"x\n\\"\\\\é"]}');
  for (const value of [1.5, Number.NaN, undefined, () => 1, "\ud800", 2 ** 60])
    expect(() => canonicalTuf([value])).toThrow(TypeError);
});

/** Fetches the package with tuf-js, whose client saw `seen` before. */
async function byTufJs(repository: Repository, trustedRoot: string, seen: Repository | undefined, folder: string) {
  let served = seen ?? repository;
  const server = createServer((request, response) => {
    const bytes = served.bytes(decodeURIComponent(request.url ?? "").slice(1));
    response.statusCode = bytes === undefined ? 404 : 200;
    response.end(bytes);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const [metadataDir, targetDir] = [join(folder, "metadata"), join(folder, "targets")];
  await mkdir(metadataDir, { recursive: true });
  await mkdir(targetDir, { recursive: true });
  await writeFile(join(metadataDir, "root.json"), trustedRoot);
  const fetchPackage = async (): Promise<Buffer> => {
    const updater = new Updater({
      metadataDir,
      targetDir,
      metadataBaseUrl: `http://127.0.0.1:${port}`,
      targetBaseUrl: `http://127.0.0.1:${port}/targets`,
      config: { fetchRetries: 0 },
    });
    await updater.refresh();
    const target = await updater.getTargetInfo(PATH);
    if (target === undefined) throw new Error("no such target");
    await rm(join(targetDir, encodeURIComponent(PATH)), { force: true });
    return await readFile(await updater.downloadTarget(target));
  };
  try {
    if (seen !== undefined) await fetchPackage();
    served = repository;
    return await fetchPackage();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
