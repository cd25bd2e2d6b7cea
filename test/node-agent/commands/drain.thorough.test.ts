import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Agent, startAgent } from "../../../node-agent/agent/agent.ts";
import { readAgentStatus } from "../../../node-agent/agent/agent-status.ts";
import { drain, undrain } from "../../../node-agent/commands/drain.ts";
import { status } from "../../../node-agent/commands/status.ts";
import { wake } from "../../../node-agent/commands/wake.ts";
import { type DataFolder, dataFolder } from "../../../node-agent/data-folder.ts";
import { LONG_WINDED } from "../../support/long-winded.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

describe("porchlight drain, undrain and wake", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: DataFolder;
  let agent: Agent | undefined;
  let said: string;
  let printed: string;
  beforeEach(async () => {
    data = await temporaryFolder();
    folder = dataFolder(data.path);
    said = "";
    printed = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => (said += String(text)) !== "");
    vi.spyOn(process.stdout, "write").mockImplementation((text) => (printed += String(text)) !== "");
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await agent?.stop();
    agent = undefined;
    await data[Symbol.asyncDispose]();
  });

  const start = async (): Promise<Agent> => {
    agent = await startAgent(
      {
        identityFile: folder.localIdentity,
        localKeyFile: folder.localKey,
        modelsDir: folder.models,
        compiledDir: folder.compiled,
        runningFile: folder.localAgent,
        machineFile: folder.machine,
        localPort: 0,
        agentVersion: "0.0.0",
      },
      { onLink: () => undefined, onLoading: () => undefined },
    );
    return agent;
  };
  const settings = async () => (await readAgentStatus(folder.localAgent, folder.localKey))?.settings;

  it("take a running machine out of service, over its restart, and back", async () => {
    const first = await start();
    expect(await drain({ data: data.path, wait: true })).toBe(0);
    expect(said).toContain("out of service");
    expect(await settings()).toEqual({ draining: true, wake: false });
    await status({ data: data.path, json: false });
    expect(printed).toContain("out of service. Bring it back: porchlight undrain");
    await first.stop();
    await start();
    expect(await settings()).toEqual({ draining: true, wake: false });
    expect(await undrain({ data: data.path })).toBe(0);
    expect(await settings()).toEqual({ draining: false, wake: false });
  });

  it("wait for what runs", async () => {
    const { localUrl, model } = await start();
    const key = (await readFile(folder.localKey, "utf8")).trim();
    // Several at once take seconds; one alone may be over before it is asked what runs.
    const ask = async () =>
      await fetch(`${localUrl}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          model,
          messages: [{ role: "user", content: "Count." }],
          stream: true,
          ...LONG_WINDED,
          max_tokens: 300,
        }),
      });
    const answers = await Promise.all([ask(), ask(), ask(), ask()]);
    let haveEnded = false;
    const reading = Promise.all(answers.map(async (answer) => await answer.text())).finally(() => {
      haveEnded = true;
    });
    await drain({ data: data.path, wait: false });
    expect([haveEnded, said]).toEqual([false, expect.stringContaining("4 still running")]);
    expect(await drain({ data: data.path, wait: true })).toBe(0);
    await reading;
    expect(said).toContain("Nothing runs on it any more.");
  });

  it("decide for the next start where nothing runs", async () => {
    expect(await drain({ data: data.path, wait: false })).toBe(0);
    await start();
    expect(await settings()).toEqual({ draining: true, wake: false });
    await expect(wake({ data: data.path }, "nonsense")).rejects.toThrow(/takes on, off or an address/);
    await expect(wake({ data: data.path }, "ff:ff:ff:ff:ff:ff")).rejects.toThrow(/takes on, off or an address/);
    await wake({ data: data.path }, undefined);
    expect(said).toContain("may not wake");
  });
});
