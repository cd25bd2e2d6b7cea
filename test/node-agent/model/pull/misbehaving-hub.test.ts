import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HttpClient } from "../../../../node-agent/model/pull/http.ts";
import { tinyRepository } from "../../../support/hub-model.ts";
import { differences, pullFrom, visibleModels } from "../../../support/hub-pull.ts";
import { type HubOptions, type Listing, TestHub } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const WEIGHTS = "model.safetensors";

describe("pulling from a hub that misbehaves", () => {
  let files: Record<string, Uint8Array>;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let hubs: TestHub[] = [];

  beforeEach(async () => {
    files = await tinyRepository();
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all(hubs.map((hub) => hub[Symbol.asyncDispose]()));
    hubs = [];
    await folder[Symbol.asyncDispose]();
  });

  const start = async (options: Partial<HubOptions> = {}) => {
    const hub = await TestHub.start({ files, ...options });
    hubs.push(hub);
    return hub;
  };
  /** A hub that serves the weights with a fault and everything else well. */
  const faulty = (fault: NonNullable<HubOptions["fault"]>) =>
    start({ fault: (request) => (request.path === WEIGHTS ? fault(request) : undefined) });
  const arrives = async (hub: TestHub) => {
    const pulled = await pullFrom(hub, folder.path);
    expect(await differences(pulled.folder, files)).toEqual([]);
  };
  const refuses = async (hub: TestHub, code: string, sentence: RegExp) => {
    const pulling = pullFrom(hub, folder.path);
    await expect(pulling).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) });
    expect(await visibleModels(folder.path)).toEqual([]);
  };

  it("refuses wrong bytes by the file's name, keeps none of them, and takes the right ones after", async () => {
    const hub = await faulty(() => ({ corrupt: true }));
    await refuses(
      hub,
      "model_source_invalid",
      /^model\.safetensors is not what.*SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/,
    );
    expect(existsSync(join(folder.path, ".pull", "tiny", "parts", WEIGHTS))).toBe(false);
    hub.options = { files };
    await arrives(hub);
  });

  it("refuses wrong bytes of a file that has a Git id only", async () => {
    const hub = await start({ fault: ({ path }) => (path === "config.json" ? { corrupt: true } : undefined) });
    await refuses(hub, "model_source_invalid", /^config\.json is not what.*Git id/);
  });

  it.each([408, 500, 502, 503, 504])("tries again after status %i", async (status) => {
    const asked = new Set<string | undefined>();
    await arrives(await faulty(({ range }) => (asked.size < asked.add(range).size ? { status } : undefined)));
    expect(asked.size).toBeGreaterThan(2);
  });

  it("comes back as late as status 429 asks for", async () => {
    const times: number[] = [];
    const hub = await faulty(() => {
      times.push(performance.now());
      return times.length === 1 ? { status: 429, headers: { "retry-after": "1" } } : undefined;
    });
    const pulled = await pullFrom(hub, folder.path, { connections: 1 });
    expect(await differences(pulled.folder, files)).toEqual([]);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it("gives up on a hub that is down, and does not wait for one that asks for hours", async () => {
    await refuses(await faulty(() => ({ status: 503 })), "model_download_failed", /status 503/);
    const started = performance.now();
    await refuses(
      await faulty(() => ({ status: 429, headers: { "retry-after": "7200" } })),
      "model_download_failed",
      /status 429/,
    );
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("tries again when the listing fails", async () => {
    await arrives(await start({ listingStatus: (count) => (count < 3 ? 503 : 200) }));
  });

  it.each([
    [401, "forbidden", /HF_TOKEN/],
    [403, "forbidden", /gated/],
    [404, "model_not_found", /no such model/],
    [418, "model_source_invalid", /418/],
  ])("does not try again after status %i", async (status, code, sentence) => {
    const hub = await faulty(() => ({ status }));
    const pulling = pullFrom(hub, folder.path, { connections: 1 });
    await expect(pulling).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) });
    expect(hub.requests.filter(({ url }) => url.endsWith(WEIGHTS))).toHaveLength(1);
  });

  it("takes a whole file from a server without ranges", async () => {
    const hub = await faulty(() => ({ ignoreRange: true }));
    await arrives(hub);
    const drops = await faulty(({ count }) => ({ ignoreRange: true, ...(count < 9 ? { dropAfter: 40_000 } : {}) }));
    await using other = await temporaryFolder();
    const pulled = await pullFrom(drops, other.path);
    expect(await differences(pulled.folder, files)).toEqual([]);
  });

  it("goes on after a connection that falls silent", async () => {
    const hub = await faulty(({ count }) => (count === 6 ? { stallAfter: 3_000 } : undefined));
    const pulled = await pullFrom(hub, folder.path, { idleMs: 300 });
    expect(await differences(pulled.folder, files)).toEqual([]);
  });

  it("refuses answers for other bytes, and more bytes, than were asked for", async () => {
    await refuses(await faulty(() => ({ sizeLie: 1 })), "model_source_invalid", /other bytes/);
    await refuses(await faulty(() => ({ excess: 10 })), "model_source_invalid", /more bytes/);
  });

  it.each([
    ["larger", 1_000],
    ["smaller", -1_000],
  ])("refuses a file that is listed %s than it is", async (_, lie) => {
    const hub = await start({ listing: (listing) => changeWeights(listing, (size) => size + lie) });
    await refuses(hub, "model_source_invalid", /model\.safetensors/);
  });

  it("refuses what does not fit on the disk before it downloads anything", async () => {
    const shards = Array.from({ length: 32 }, (_, index) => ({
      rfilename: `model-${String(index + 1).padStart(5, "0")}-of-00032.safetensors`,
      size: 2 ** 42,
    }));
    const hub = await start({
      listing: (listing) => ({ ...listing, siblings: [{ rfilename: `${WEIGHTS}.index.json`, size: 10 }, ...shards] }),
    });
    await refuses(hub, "disk_full", /takes 140737\.49 GB/);
    expect(hub.totalSent).toBe(0);
  });

  it.each(["../../escape.safetensors", "/etc/passwd", "a/../../b.json", "..\\..\\c.json", "d//e", "f\0.json"])(
    "refuses a repository that lists %j",
    async (rfilename) => {
      const hub = await start({
        listing: (listing) => ({ ...listing, siblings: [...listing.siblings, { rfilename, size: 1 }] }),
      });
      await refuses(hub, "model_source_invalid", /points outside/);
      expect(hub.totalSent).toBe(0);
    },
  );

  it.each([
    ["no JSON", () => "<html>"],
    ["no commit", (listing: Listing) => ({ ...listing, sha: "main" })],
    ["a size that is no number", (listing: Listing) => changeWeights(listing, () => -1)],
    ["a file without a size", (listing: Listing) => ({ ...listing, siblings: [{ rfilename: WEIGHTS }] })],
    ["more than it may", (listing: Listing) => ({ ...listing, padding: "x".repeat(17 * 1024 * 1024) })],
  ])("refuses a listing with %s", async (_, listing) => {
    await refuses(await start({ listing }), "model_source_invalid", /./);
  });

  it("follows redirects without taking the token along", async () => {
    const other = await start();
    const hub = await faulty(({ path }) => ({ redirect: `${other.endpoint}/acme/tiny/resolve/main/${path}` }));
    const pulled = await pullFrom(hub, folder.path, { token: "hf_secret" });
    expect(await differences(pulled.folder, files)).toEqual([]);
    expect(hub.requests.every(({ authorization }) => authorization === "Bearer hf_secret")).toBe(true);
    expect(other.requests.length).toBeGreaterThan(1);
    expect(other.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
    // The parts after the first go straight to where the first was sent.
    expect(hub.requests.filter(({ url }) => url.endsWith(WEIGHTS)).length).toBeLessThan(other.requests.length);
  });

  it("asks the hub again when the address it was sent to has expired", async () => {
    const other = await start({ fault: ({ count }) => (count === 2 ? { status: 403 } : undefined) });
    const hub = await faulty(({ path }) => ({ redirect: `${other.endpoint}/acme/tiny/resolve/main/${path}` }));
    const pulled = await pullFrom(hub, folder.path, { connections: 1 });
    expect(await differences(pulled.folder, files)).toEqual([]);
  });

  it("does not run in circles", async () => {
    const hub: TestHub = await faulty(({ path }) => ({ redirect: `${hub.endpoint}/acme/tiny/resolve/main/${path}` }));
    await refuses(hub, "model_source_invalid", /redirects more than/);
  });

  it("never follows from https to http, and sends no token in the open", async () => {
    const requests: Headers[] = [];
    const answers = [
      new Response(null, { status: 302, headers: { location: "http://hub.example/x" } }),
      new Response("{}"),
    ];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      requests.push(new Headers(init?.headers));
      return answers.shift() ?? Response.error();
    });
    const secure = new HttpClient({ tokenOrigin: "https://hub.example", token: "hf_secret" });
    await expect(secure.get("https://hub.example/x")).rejects.toThrow(/not https/);
    await new HttpClient({ tokenOrigin: "http://hub.example", token: "hf_secret" }).get("http://hub.example/y");
    expect(requests.map((headers) => headers.get("authorization"))).toEqual(["Bearer hf_secret", null]);
  });
});

function changeWeights(listing: Listing, change: (size: number) => number): Listing {
  return {
    ...listing,
    siblings: listing.siblings.map((file) => {
      if (file.rfilename !== WEIGHTS || !file.lfs) return file;
      const size = change(file.lfs.size);
      return { ...file, size, lfs: { ...file.lfs, size } };
    }),
  };
}
