import type { ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { makeCertificate } from "../support/certificates.ts";
import { exitOf, interrupt, output, start } from "../support/command.ts";
import { runHere } from "../support/command-here.ts";
import { tlsFetch, WordsAgent, workerdOf } from "../support/self-hosted.ts";
import { freePort } from "../support/stack.ts";

/** `porchlight edge` as its users run it: real processes, a certificate, a machine that dials in over TLS. The tests go on from one another. */
describe("a self-hosted edge", { timeout: 90_000 }, () => {
  let root: string;
  let data: string;
  let origin: string;
  let ca: string;
  let files: ReturnType<typeof makeCertificate>;
  let edge: ChildProcess;
  let agent: WordsAgent | undefined;
  let apiKey = "";
  let cookie = "";

  beforeAll(async () => {
    await buildEdgeIfNeeded();
    root = await mkdtemp(join(tmpdir(), "porchlight-edge-"));
    data = join(root, "data");
    files = makeCertificate(root, "edge");
    ca = await readFile(files.certFile, "utf8");
    origin = `https://localhost:${await freePort()}`;
  });
  afterAll(async () => {
    await agent?.stop();
    if (edge?.exitCode === null) interrupt(edge);
    await exitOf(edge);
    await rm(root, { recursive: true, force: true });
  });

  async function startEdge(...more: string[]): Promise<string> {
    const { certFile, keyFile } = files;
    const address = ["--host", "127.0.0.1", "--port", new URL(origin).port, "--origin", origin];
    edge = start(["edge", "--data", data, ...address, "--cert", certFile, "--key", keyFile, ...more]);
    return await output(edge, /Ctrl-C/);
  }
  const get = async (path: string, headers: Record<string, string> = { authorization: `Bearer ${apiKey}` }) =>
    await tlsFetch(origin + path, { ca, headers });
  const post = async (path: string, body: object, headers: Record<string, string> = {}) =>
    await tlsFetch(origin + path, { ca, body, headers: { authorization: `Bearer ${apiKey}`, ...headers } });
  async function count(words: number | string): Promise<string> {
    const messages = [{ role: "user", content: String(words) }];
    const { text } = await post("/v1/chat/completions", { model: "words", messages });
    return (JSON.parse(text) as { choices?: [{ message: { content: string } }] }).choices?.[0].message.content ?? text;
  }
  const agents = async () => (JSON.parse((await get("/api/agents")).text) as { agents: { running: number }[] }).agents; // as above
  async function makeJob(words: number): Promise<string> {
    const request = { model: "words", messages: [{ role: "user", content: String(words) }] };
    return (JSON.parse((await post("/api/jobs", { request })).text) as { id: string }).id; // as above
  }
  async function jobOf(id: string): Promise<{ state: string; answer: string | undefined }> {
    const { state, result } = JSON.parse((await get(`/api/jobs/${id}`)).text) as {
      state: string;
      result: { choices: { message: { content: string } }[] } | null;
    }; // as above
    return { state, answer: result?.choices[0]?.message.content };
  }
  const statusOf = async () => (await runHere(["status", "--data", data])).stdout;

  it("prints a link that sets it up, once, and knows visitors by their true address", async () => {
    const said = await startEdge();
    const [, token = ""] = new RegExp(`${origin}/setup#token=(\\S+)`).exec(said) ?? [];
    expect(await statusOf()).toMatch(
      new RegExp(`${origin}, serving[\\s\\S]*good until[\\s\\S]*not set up yet: ${origin}/setup#token=${token}`),
    );
    const spoofed = { "cf-connecting-ip": "6.6.6.6", "x-forwarded-for": "6.6.6.6", "porchlight-visitor": "6.6.6.6" };
    const refused = await post("/api/setup", { token: "wrong" }, spoofed);
    expect(refused.status).toBe(403);
    const made = await post("/api/setup", { token }, spoofed);
    expect(made.status).toBe(201);
    apiKey = (JSON.parse(made.text) as { apiKey: string }).apiKey; // our own route, tested elsewhere
    const database = new DatabaseSync(databaseFile(), { readOnly: true });
    const addresses = database.prepare("SELECT DISTINCT address FROM audit_log").all();
    database.close();
    expect(addresses).toEqual([{ address: "127.0.0.1" }]);
  });

  const databaseFile = () => {
    const folder = join(data, "edge", "d1", "miniflare-D1DatabaseObject");
    const name = readdirSync(folder).find((entry) => /^[0-9a-f]{64}\.sqlite$/.test(entry));
    return join(folder, name ?? "");
  };

  it("serves a machine that dials in over TLS", async () => {
    const { url: enrolUrl } = JSON.parse((await post("/api/pairing-codes", {})).text) as { url: string }; // as above
    expect(enrolUrl.startsWith(`${origin}/j/`)).toBe(true);
    agent = new WordsAgent({ identityFile: join(root, "agent.json"), enrolUrl }, files.certFile);
    await expect.poll(() => agent?.states.at(-1), { timeout: 10_000 }).toBe("online");
    expect(await count(3)).toBe(" 0 1 2");
    const { url } = JSON.parse((await post("/api/sign-in-links", {})).text) as { url: string }; // as above
    const entered = await tlsFetch(url, { ca });
    [cookie = ""] = (entered.headers["set-cookie"]?.[0] ?? "").split(";");
    expect(entered.headers["set-cookie"]?.[0]).toMatch(/^__Host-porchlight=.*Secure/);
  });

  it("survives a killed workerd, and says that it was", async () => {
    const before = await workerdOf(edge);
    const told = output(edge, /serves again/);
    if (before !== undefined) process.kill(before, "SIGKILL");
    // Asked while nothing is behind the front: it waits.
    expect((await get("/v1/models")).status).toBe(200);
    expect(await told).toMatch(
      /The edge failed: workerd ended: signal SIGKILL\..*in a row: 1\. It is started again in 0\.25 s/,
    );
    await expect.poll(() => count(2), { timeout: 10_000 }).toBe(" 0 1");
    expect(await statusOf()).toMatch(/serving[\s\S]*restarts: 1, the last at .*SIGKILL/);
  });

  it("lets answers end when it is told to stop, sends others away, and has its machine back at once", async () => {
    const working = count("40/25");
    await expect.poll(async () => (await agents())[0]?.running).toBe(1);
    const told = output(edge, /Stopping; under way: 1/);
    edge.kill("SIGTERM");
    await told;
    const late = await post("/v1/chat/completions", { model: "words", messages: [{ role: "user", content: "1" }] });
    expect(late).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(await working).toMatch(/^ 0 1 .* 39$/);
    expect(await exitOf(edge)).toBe(0);
    expect(agent?.reasons.filter((reason) => reason === "The edge restarts.")).toHaveLength(1);
    await startEdge();
    await expect.poll(() => agent?.states.at(-1), { timeout: 2_000, interval: 20 }).toBe("online");
    expect(await count(2)).toBe(" 0 1");
  });

  it("is backed up while it works, wiped, and restored: keys, sessions, jobs and machines are back without pairing again", async () => {
    const backup = join(root, "backup.tgz");
    const done = await makeJob(5);
    await expect.poll(() => jobOf(done), { timeout: 10_000 }).toMatchObject({ state: "completed" });
    const unfinished = await makeJob(4_000);
    const working = count(2_000);
    expect(await runHere(["edge", "backup", backup, "--data", data])).toMatchObject({ code: 0 });
    expect((await working).endsWith(" 1999")).toBe(true);
    expect((await stat(backup)).mode & 0o777).toBe(0o600);
    const busy = await runHere(["edge", "restore", backup, "--data", data, "--force"]);
    expect(busy).toMatchObject({ code: 1, stderr: expect.stringMatching(/is at work on/) });
    const states = agent?.states.length ?? 0;
    interrupt(edge);
    expect(await exitOf(edge)).toBe(0);
    await rm(data, { recursive: true });
    expect(await runHere(["edge", "restore", backup, "--data", data])).toMatchObject({ code: 0 });
    const said = await startEdge("--give-up-after", "1");
    expect(said).not.toContain("/setup#");
    await expect.poll(() => agent?.states.slice(states).at(-1), { timeout: 10_000 }).toBe("online");
    expect(agent?.states).not.toContain("refused");
    expect(await count(3)).toBe(" 0 1 2");
    expect(await jobOf(done)).toMatchObject({ state: "completed", answer: " 0 1 2 3 4" });
    await expect
      .poll(() => jobOf(unfinished), { timeout: 15_000 })
      .toMatchObject({ state: "completed", answer: expect.stringMatching(/ 3999$/) });
    expect((await get("/account", { cookie })).status).toBe(200);
    expect((await get("/account", { cookie: `${cookie}x` })).status).not.toBe(200);
  });

  it("ends with code 1 after as many failures as it was told, and status says why", async () => {
    const workerd = await workerdOf(edge);
    const told = output(edge, /stays down/);
    if (workerd !== undefined) process.kill(workerd, "SIGKILL");
    expect(await told).toMatch(/failed 1 times in a row \(workerd ended: signal SIGKILL\), and stays down/);
    expect(await exitOf(edge)).toBe(1);
    const { code, stdout } = await runHere(["status", "--data", data]);
    expect(stdout).toMatch(/stopped: it kept failing/);
    expect(code).toBe(1);
  });

  it.each([
    [["--cert", "C"], /--cert and --key go together/],
    [["--cert", "C", "--key", "K"], /Say where people come to: --origin/],
    [["--cert", "C", "--key", "K", "--origin", "http://localhost"], /--origin starts with https/],
    [["--origin", "https://a.example/path"], /without a path/],
    [["--host", "0.0.0.0"], /Over plain http on 0\.0\.0\.0 everybody/],
    [["--http-port", "8080"], /--http-port is where.*needs --cert/],
    [["--trusted-proxy", "example.com"], /takes addresses or networks/],
    [["--trusted-proxy", "0.0.0.0/0"], /may not be the whole internet/],
    [["backup"], /takes one file/],
    [["explode"], /takes backup, restore, deploy or nothing/],
  ])("refuses %j with a sentence", async (flags, sentence) => {
    const { code, stderr } = await runHere(["edge", "--data", join(root, "other"), ...flags]);
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
  });
});
