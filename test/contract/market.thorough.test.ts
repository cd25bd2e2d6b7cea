import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Updater } from "tuf-js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { dataFolder, writePrivateFile } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { type EmbeddedEdge, startEmbeddedEdge } from "../../node-agent/edge/embedded.ts";
import { MarketFollower } from "../../node-agent/market/follower.ts";
import type { Catalogue, CataloguePlugin } from "../../shared/market/catalogue.ts";
import { SoftwareAuthenticator } from "../edge/support/authenticator.ts";
import { runHere } from "../support/command-here.ts";
import { freePort } from "../support/stack.ts";

const TOKEN = "set-up token of the market";
/** What `plugin new` begins with. */
const VERSION = "0.1.0";
const DAYS_2 = 2 * 24 * 3600_000;

/** The whole way of a plugin, over real edges: a market, an edge that follows it, and a machine. The tests go on from one another. */
describe("a market", { timeout: 90_000 }, () => {
  let root: string;
  let data: string;
  let port: number;
  let edge: EmbeddedEdge;
  let follower: EmbeddedEdge | undefined;
  let owner: string;
  let publisherKey: string;
  let reviewer: Person;
  let file: string;
  let hash: string;

  interface Person {
    cookie: string;
  }

  beforeAll(async () => {
    await buildEdgeIfNeeded();
    root = await mkdtemp(join(tmpdir(), "porchlight-market-"));
    data = join(root, "market");
    port = await freePort();
    edge = await startEmbeddedEdge({ stateDir: dataFolder(data).edge, port, setupToken: TOKEN });
    owner = (await json<{ apiKey: string }>("POST", "/api/setup", { token: TOKEN })).apiKey;
    await writePrivateFile(dataFolder(data).owner, JSON.stringify({ apiKey: owner }));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await follower?.stop();
    await edge?.stop();
    await rm(root, { recursive: true, force: true });
  });

  async function ask(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return await fetch(edge.origin + path, {
      method,
      redirect: "manual",
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
  async function json<T>(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await ask(method, path, body, headers);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T; // what the edge's own tests hold it to
  }
  const by = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });
  const from = (cookie: string) => ({ cookie, origin: edge.origin, "sec-fetch-site": "same-origin" });
  const cookieOf = (response: Response): string => (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";

  /** Somebody who takes an invitation of the owner, with a passkey. */
  async function takeInvitation(role: string, name: string): Promise<Person> {
    const link = await json<{ url: string }>("POST", "/api/sign-in-links", {}, by(owner));
    const session = cookieOf(await ask("GET", new URL(link.url).pathname));
    const invited = await json<{ url: string }>("POST", "/api/invitations", { role }, from(session));
    const code = invited.url.split("/").at(-1) ?? "";
    const options = await json<never>("POST", "/api/join/options", { code, name }, from(""));
    const response = await new SoftwareAuthenticator(edge.origin).create(options);
    const joined = await ask("POST", "/api/join", { code, passkeyName: "Phone", response }, from(""));
    return { cookie: cookieOf(joined) };
  }

  /** Starts the edge without keys, makes some, and starts it with them. */
  async function runClosed(at: string[]): Promise<void> {
    const start = async () => await startEmbeddedEdge({ stateDir: dataFolder(data).edge, port, setupToken: TOKEN });
    edge = await start();
    const made = await runHere(["market", "init", ...at]);
    expect(made.stderr).toContain("wrangler secret put MARKET_KEYS");
    const { marketKeys } = dataFolder(data);
    await writePrivateFile(marketKeys, await readFile(join(data, "market-keys-localhost.json"), "utf8"));
    await edge.stop();
    edge = await start();
  }

  it("is opened by command, with the root's key in a file of its own", async () => {
    const rootKey = join(root, "drawer", "root.key");
    vi.stubEnv("PORCHLIGHT_API_KEY", owner);
    const at = ["--data", data, "--origin", edge.origin];
    expect((await runHere(["market", ...at])).stderr).toContain("none: this edge has no keys");
    // As it would be where the edge runs on this data folder: the keys lie beside its state.
    await edge.stop();
    await runClosed(at);
    expect((await runHere(["market", "init", ...at])).code).toBe(2);
    const opened = await runHere(["market", "init", ...at, "--root-key", rootKey]);
    expect(opened.stderr).toMatch(/is a market: its root is version 1/);
    expect((await stat(rootKey)).mode & 0o777).toBe(0o600);
    const status = JSON.parse((await runHere(["market", "--json", ...at])).stdout) as object;
    expect(status).toMatchObject({ ready: true, rootVersion: 1 });
    const renewed = await runHere(["market", "renew", ...at, "--root-key", rootKey]);
    expect(renewed.stderr).toMatch(/its root is version 2/);
    // Other keys, as after a leak: the edge is closed until the next root names them.
    const before = JSON.parse((await runHere(["market", "--json", ...at])).stdout) as { keys: object };
    await edge.stop();
    for (const keys of [dataFolder(data).marketKeys, join(data, "market-keys-localhost.json")]) await rm(keys);
    await runClosed(at);
    const leaked = await runHere(["market", "init", ...at, "--root-key", rootKey]);
    expect(leaked.stderr).toMatch(/its root is version 3/);
    const after = JSON.parse((await runHere(["market", "--json", ...at])).stdout) as { keys: object; ready: boolean };
    expect(after.ready).toBe(true);
    expect(after.keys).not.toEqual(before.keys);
    await writeFile(join(root, "other.key"), "{}");
    expect((await runHere(["market", "renew", ...at, "--root-key", join(root, "other.key")])).code).toBe(2);
  });

  it("takes a plugin by command, and offers it once a reviewer has looked", async () => {
    const publisher = await takeInvitation("member", "Ada");
    reviewer = await takeInvitation("viewer", "Rita");
    const { roles } = await json<{ roles: { userId: string; name: string; role: string | null }[] }>(
      "GET",
      "/api/market/roles",
      undefined,
      by(owner),
    );
    expect(roles.map(({ role }) => role)).toEqual([null, "administrator", null]);
    const id = roles.find(({ name }) => name === "Rita")?.userId ?? "";
    await json("PUT", `/api/market/roles/${id}`, { role: "reviewer" }, by(owner));
    const key = await json<{ apiKey: string }>(
      "POST",
      "/api/keys",
      { name: "publish", scopes: ["admin"] },
      from(publisher.cookie),
    );
    publisherKey = key.apiKey;
    const plugin = join(root, "hello");
    file = join(root, "hello.tar");
    vi.stubEnv("PORCHLIGHT_API_KEY", publisherKey);
    const here = ["--data", data];
    expect((await runHere(["plugin", "new", "@ada/hello", "--out", plugin])).code).toBe(0);
    const packed = await runHere(["plugin", "pack", plugin, "--out", file]);
    const [, packedVersion = ""] = /"version":"([^"]+)"/.exec(await readFile(file, "utf8")) ?? [];
    expect({ code: packed.code, packedVersion }).toEqual({ code: 0, packedVersion: VERSION });
    const publish = ["plugin", "publish", file, "--origin", edge.origin, "--json", ...here];
    expect(await runHere(publish)).toMatchObject({ code: 1, stderr: expect.stringContaining("not signed") });
    expect((await runHere(["plugin", "sign", file, ...here])).code).toBe(0);
    const published = await runHere(publish);
    const version = JSON.parse(published.stdout) as { id: string; state: string; hash: string };
    expect({ code: published.code, version }).toMatchObject({
      code: 0,
      version: { state: "in_review", plugin: "@ada/hello" },
    });
    hash = version.hash;
    await json("POST", `/api/market/desk/${version.id}/claim`, {}, from(reviewer.cookie));
    const decision = { decision: "approve", words: "Fine." };
    await json("POST", `/api/market/desk/${version.id}/decision`, decision, from(reviewer.cookie));
    await vi.waitFor(async () => {
      const { plugins } = await json<Catalogue>("GET", "/api/market/plugins?query=hello");
      expect(plugins.map(({ name }) => name)).toEqual(["@ada/hello"]);
    }, 10_000);
    // The same again is no new version.
    expect(await runHere(publish)).toMatchObject({ code: 1, stderr: expect.stringContaining("handed in already") });
  });

  it("takes this repository's plugins the way of anybody's", { timeout: 240_000 }, async () => {
    vi.stubEnv("PORCHLIGHT_API_KEY", owner);
    const seed = ["market", "seed", "--data", data, "--origin", edge.origin];
    const seeded = await runHere(seed);
    expect(seeded.code, seeded.stderr).toBe(0);
    const { versions } = await json<{ versions: { plugin: string; state: string }[] }>(
      "GET",
      "/api/market/desk",
      undefined,
      from(reviewer.cookie),
    );
    const own = versions.filter(({ plugin }) => plugin.startsWith("@porchlight/"));
    expect(own.map(({ plugin }) => plugin)).toEqual(
      expect.arrayContaining(["@porchlight/calculator", "@porchlight/csv", "@porchlight/library"]),
    );
    expect(own.length).toBeGreaterThanOrEqual(12);
    expect(new Set(own.map(({ state }) => state))).toEqual(new Set(["in_review"]));
    expect((await runHere(seed)).stderr).toContain("@porchlight/calculator");
    vi.stubEnv("PORCHLIGHT_API_KEY", publisherKey);
  });

  it("is read by the reference implementation of TUF", async () => {
    const [metadataDir, targetDir] = [join(root, "tuf"), join(root, "tuf-targets")];
    await mkdir(metadataDir);
    await mkdir(targetDir);
    await writeFile(join(metadataDir, "root.json"), await (await ask("GET", "/api/market/tuf/1.root.json")).text());
    const updater = new Updater({
      metadataDir,
      targetDir,
      metadataBaseUrl: `${edge.origin}/api/market/tuf`,
      targetBaseUrl: `${edge.origin}/api/market/targets`,
    });
    await updater.refresh();
    const target = await updater.getTargetInfo(`ada/hello/${VERSION}.tar`);
    expect(target?.custom).toMatchObject({ package: hash });
    const path = target === undefined ? "" : await updater.downloadTarget(target);
    expect(await readFile(path)).toEqual(await readFile(file));
  });

  it("is followed by another edge and a machine of that one, which stop what it takes back", async () => {
    vi.stubEnv("PORCHLIGHT_MARKET_ORIGIN", edge.origin);
    follower = await startEmbeddedEdge({ stateDir: join(root, "follower"), port: await freePort(), setupToken: TOKEN });
    const page = await fetch(`${follower.origin}/api/market/plugins/ada/hello`);
    expect(((await page.json()) as CataloguePlugin).hash).toBe(hash);
    const trust = join(root, "machine-market.json");
    const log: string[] = [];
    const options = { origin: follower.origin, file: trust, log: (line: string) => void log.push(line) };
    const machine = await MarketFollower.start(options);
    await machine.poll();
    expect((await machine.fetch({ publisher: "ada", name: "hello", version: VERSION })).hash).toBe(hash);
    machine.check(hash);
    const [version] = (
      await json<{ versions: { id: string }[] }>("GET", "/api/market/versions", undefined, by(publisherKey))
    ).versions;
    const why = { reason: "malware", words: "It greets too loudly." };
    await json("POST", `/api/market/desk/${version?.id ?? ""}/revoke`, why, from(reviewer.cookie));
    await vi.waitFor(async () => {
      await machine.poll();
      expect(() => machine.check(hash)).toThrow("It greets too loudly.");
    }, 10_000);
    expect((await fetch(`${follower.origin}/api/market/packages/${hash}`)).status).toBe(410);
    await expect(machine.fetch({ publisher: "ada", name: "hello", version: VERSION })).rejects.toMatchObject({
      code: "market_arbitrary_package",
    });
    // Days without a word from the market are told from a market that has nothing new.
    await machine.stop();
    const late = await MarketFollower.start({ ...options, now: () => Date.now() + DAYS_2 });
    await late.poll();
    expect(log.at(-1)).toContain("expired");
    expect(() => late.check(hash)).toThrow("It greets too loudly.");
    await late.stop();
  });
});
