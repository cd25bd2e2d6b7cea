import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitOf, interrupt, output, run, start } from "../support/command.ts";
import { freePort, startStack, type TestStack } from "../support/stack.ts";

/** `porchlight connect` without a link, `status` and `disconnect`: processes of the command against a real edge. */
describe("a machine that pairs by a code", () => {
  let stack: TestStack;
  let cookie: string;
  let data: string;
  let port: number;

  beforeAll(async () => {
    stack = await startStack();
    const signedIn = await fetch(stack.signInUrl, { redirect: "manual" });
    [cookie = ""] = (signedIn.headers.get("set-cookie") ?? "").split(";");
  });
  afterAll(async () => {
    await stack?.stop();
  });
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), "porchlight-pairing-"));
    port = await freePort();
  });
  afterEach(async () => {
    await rm(data, { recursive: true, force: true });
  });

  const connect = (...more: string[]) => start(["connect", "--data", data, "--local-port", String(port), ...more]);
  const post = async (path: string, body: object = {}) =>
    await fetch(stack.origin + path, {
      method: "POST",
      headers: { "content-type": "application/json", cookie, origin: stack.origin, "sec-fetch-site": "same-origin" },
      body: JSON.stringify(body),
    });
  /** The code on the machine's terminal, found at the edge. */
  async function found(said: string): Promise<string> {
    const [userCode = ""] = /[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}/.exec(said) ?? [];
    const response = await post("/api/device-authorizations/find", { userCode });
    return ((await response.json()) as { id: string }).id; // our own route, tested elsewhere
  }
  async function agents(): Promise<{ id: string; name: string; online: boolean; speed: object | null }[]> {
    const response = await fetch(`${stack.origin}/api/agents`, {
      headers: { authorization: `Bearer ${stack.apiKey}` },
    });
    return ((await response.json()) as { agents: Awaited<ReturnType<typeof agents>> }).agents; // as above
  }
  const statusOf = async () => {
    const { code, stdout } = await run(["status", "--data", data, "--json"]);
    const report = JSON.parse(stdout) as { roles: { edge: string; pairedWith: string | null; agent: object | null }[] };
    return { code, remote: report.roles.find(({ edge }) => edge === "remote") };
  };

  it("waits for the owner, then loads a model, tries it and serves; says how it stands; leaves for good", async () => {
    const machine = connect(stack.origin);
    const online = output(machine, /Online\.[\s\S]*tokens\/s|tokens\/s[\s\S]*Online\./);
    const said = await output(machine, /Fingerprint +([0-9a-f]{4} ?){8}/);
    expect(said).toContain(`${stack.origin}/device`);
    const known = (await agents()).map(({ id }) => id);
    expect((await post(`/api/device-authorizations/${await found(said)}/approve`)).status).toBe(200);
    expect(await online).toMatch(/starter answers with [\d.]+ tokens\/s/);
    const mine = async () => (await agents()).find(({ id }) => !known.includes(id));
    await expect.poll(async () => (await mine())?.speed).toMatchObject({ model: "starter" });
    expect(await statusOf()).toMatchObject({
      code: 0,
      remote: { pairedWith: stack.origin, agent: { link: { state: "online" }, speed: { model: "starter" } } },
    });
    expect((await run(["status", "--data", data])).stdout).toMatch(/Edge +http.*online\nModels +starter \(loaded\)/);

    const key = async () => await readFile(join(data, "agent", "remote.json"), "utf8");
    const { publicKey } = JSON.parse(await key()) as { publicKey: string };
    const left = await run(["disconnect", "--data", data]);
    expect(left).toMatchObject({ code: 0 });
    expect(left.stderr).toMatch(/has removed this machine/);
    expect(await exitOf(machine)).toBe(0);
    expect(await mine()).toBeUndefined();
    expect(JSON.parse(await key())).toMatchObject({ publicKey });
    expect(await statusOf()).toMatchObject({ code: 1, remote: { pairedWith: null, agent: null } });
    expect((await run(["disconnect", "--data", data])).stderr).toMatch(/not paired/);
  });

  it("ends with a sentence when the owner says no, and when it is interrupted it has paired nothing", async () => {
    const refused = connect(stack.origin);
    const all: string[] = [];
    refused.stderr?.on("data", (piece: Buffer) => all.push(piece.toString()));
    const said = await output(refused, /Fingerprint/);
    await post(`/api/device-authorizations/${await found(said)}/deny`);
    const stopped = connect(stack.origin);
    await output(stopped, /Fingerprint/);
    interrupt(stopped);
    expect(await exitOf(stopped)).toBe(130);
    expect(await exitOf(refused)).toBe(1);
    expect(all.join("")).toMatch(/The owner did not let this machine in/);
    expect((await statusOf()).remote).toMatchObject({ pairedWith: null });
  });

  it("sends nothing to an edge elsewhere over plain http", async () => {
    const { code, stderr } = await run(["connect", "--data", data, "http://192.0.2.1"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/must begin with https/);
  });
});
