import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitOf, interrupt, output, run, start } from "../support/command.ts";
import { LONG_WINDED } from "../support/long-winded.ts";
import { freePort, startStack, type TestStack } from "../support/stack.ts";

/** `porchlight connect` as a process, against a real edge that knows nothing of it. */
describe("porchlight connect", () => {
  let stack: TestStack;
  let data: string;
  let port: number;

  beforeAll(async () => {
    stack = await startStack();
    port = await freePort();
  });
  afterAll(async () => {
    await stack?.stop();
  });
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), "porchlight-connect-"));
  });
  afterEach(async () => {
    await rm(data, { recursive: true, force: true });
  });

  const connect = (...more: string[]) => ["connect", "--data", data, "--local-port", String(port), ...more];

  async function agents(): Promise<{ id: string; online: boolean }[]> {
    const response = await call("GET", "/api/agents");
    return ((await response.json()) as { agents: { id: string; online: boolean }[] }).agents; // our own route, tested elsewhere
  }
  const call = (method: string, path: string) =>
    fetch(stack.origin + path, { method, headers: { authorization: `Bearer ${stack.apiKey}` } });

  it("pairs with a link, serves, comes back without one, and ends with a sentence when it is revoked", async () => {
    const known = new Set((await agents()).map(({ id }) => id));
    const link = await stack.stack.owner.pairingUrl();
    const first = start(connect(link));
    await output(first, /Online\./);
    const [paired] = (await agents()).filter(({ id }) => !known.has(id));
    expect(paired).toMatchObject({ online: true });
    interrupt(first);
    expect(await exitOf(first)).toBe(0);

    const replay = await run(connect(link));
    expect(replay).toMatchObject({ code: 1 });
    expect(replay.stderr).toMatch(/used already or has expired/);

    const second = start(connect());
    let said = "";
    second.stderr?.on("data", (piece: Buffer) => (said += piece.toString()));
    await output(second, /Online\./);
    expect((await call("DELETE", `/api/agents/${paired?.id}`)).status).toBe(204);
    expect(await exitOf(second)).toBe(1);
    expect(said).toMatch(/The owner removed this machine/);
    expect(said).not.toMatch(/ at .*\.ts:/);
  });

  it("gets nothing new when it is told to stop, and lets its answers end", async () => {
    const known = await agents();
    const isKnown = (id: string) => known.some((one) => one.id === id);
    const agent = start(connect(await stack.stack.owner.pairingUrl()));
    await output(agent, /Online\./);
    for (const { id } of known) await call("POST", `/api/agents/${id}/drain`);
    const ask = async (more: object) =>
      await fetch(`${stack.origin}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "starter", messages: [{ role: "user", content: "Tell me a story." }], ...more }),
      });
    try {
      // Several at once take seconds; one alone may be over before the machine is told.
      const begun = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const answer = await ask({ stream: true, ...LONG_WINDED, max_tokens: 300 });
          const pieces = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
          return { pieces, first: (await pieces?.read())?.value ?? "" };
        }),
      );
      const told = output(agent, /Stopping; under way: 4/);
      agent.kill("SIGTERM");
      await told;
      await expect.poll(async () => (await agents()).some(({ online, id }) => online && !isKnown(id))).toBe(false);
      const late = await ask({});
      expect(late.status).toBe(503);
      expect(await late.json()).toMatchObject({ error: { code: "agent_offline" } });
      for (const { pieces, first } of begun) {
        let said = first;
        for (let piece = await pieces?.read(); piece?.done === false; piece = await pieces?.read()) said += piece.value;
        expect(said).toMatch(/"finish_reason":"(?:length|stop)"[^]*data: \[DONE\]\n\n$/);
        expect(said).not.toContain('"error"');
      }
      expect(await exitOf(agent)).toBe(0);
    } finally {
      for (const { id } of known) await call("DELETE", `/api/agents/${id}/drain`);
    }
  });

  it("says what to do without a pairing, and with a link that leads nowhere", async () => {
    const unpaired = await run(connect());
    expect(unpaired.code).toBe(1);
    expect(unpaired.stderr).toMatch(/not paired yet.*porchlight connect https:\/\/EDGE\/j\/CODE/);
    const nowhere = await run(connect("http://127.0.0.1:9/j/abc"));
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/^porchlight: .*127\.0\.0\.1:9.*\n$/);
  });
});

describe("porchlight doctor", () => {
  let data: string;

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "porchlight-doctor-"));
  });
  afterAll(async () => {
    await rm(data, { recursive: true, force: true });
  });

  it("says what it found, for people and for programs, and makes no secret of what is missing", async () => {
    const text = await run(["doctor", "--data", data]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/✓ Runtime +ONNX Runtime \d/);
    expect(text.stdout).toMatch(/✓ Model +starter: 5\.5 million parameters.*the default/);
    expect(text.stdout).toMatch(/only the small starter model is here\n +→ /);
    const json = await run(["doctor", "--data", data, "--json"]);
    const report = JSON.parse(json.stdout) as { healthy: boolean; findings: { topic: string; state: string }[] }; // checked below
    expect(report.healthy).toBe(true);
    // What the machine has beside these, such as CUDA, depends on it.
    const topics = ["Node", "Processor", "Memory", "GPU", "Runtime", "Data", "Edge", "Model"];
    expect(report.findings.map(({ topic }) => topic)).toEqual(expect.arrayContaining(topics));
  });

  it("exits 1 when something keeps Porchlight from running", async () => {
    const { code, stdout } = await run(["doctor", "--data", data, "--model", "no-such-model"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ Model +.*no-such-model/);
    expect(stdout).toMatch(/Mend what is marked ✗/);
    const folder = await run(["doctor", "--data", "/dev/null/x"]);
    expect(folder.code).toBe(1);
    expect(folder.stdout).toMatch(/✗ Data +\/dev\/null\/x cannot be written\n +→ /);
  });
});
