import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Agent, startAgent } from "../../../node-agent/agent/agent.ts";
import { dataFolder } from "../../../node-agent/data-folder.ts";
import { addToStore } from "../../../node-agent/model/store/add.ts";
import { rollBack } from "../../../node-agent/model/store/choose-version.ts";
import { removeModel } from "../../../node-agent/model/store/remove.ts";
import { waitUntil } from "../../support/engine-processes.ts";
import { LONG_WINDED } from "../../support/long-winded.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { writeStarterVersion } from "../../support/starter-versions.ts";

/** A running agent whose models change under it, through the API on loopback. */
describe("an agent", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let agent: Agent;
  let client: OpenAI;
  let modelsDir: string;

  beforeEach(async () => {
    data = await temporaryFolder();
    const folder = dataFolder(data.path);
    modelsDir = folder.models;
    agent = await startAgent(
      {
        identityFile: folder.localIdentity,
        localKeyFile: folder.localKey,
        modelsDir,
        compiledDir: folder.compiled,
        localPort: 0,
        agentVersion: "0.0.0",
      },
      { onLink: () => undefined, onLoading: () => undefined },
    );
    const apiKey = (await readFile(folder.localKey, "utf8")).trim();
    client = new OpenAI({ baseURL: `${agent.localUrl}/v1`, apiKey, maxRetries: 0 });
  });
  afterEach(async () => {
    await agent.stop();
    await data[Symbol.asyncDispose]();
  });

  const add = async (version: number) => {
    const folder = await writeStarterVersion(join(data.path, `version-${version}`), version);
    return await addToStore({ modelsDir, name: "live", folder, source: `version ${version}` });
  };
  const listed = async () => (await client.models.list()).data.map(({ id }) => id);
  const messages = [{ role: "user" as const, content: "Hello! Who are you?" }];
  const answer = async () =>
    (await client.chat.completions.create({ model: "live", messages, temperature: 0, max_tokens: 12 })).choices[0]
      ?.message.content;
  /** A long answer: resolves to how it ended, and calls `begun` at its first piece. */
  const long = async (begun: () => void): Promise<string> => {
    let ended = "";
    for await (const chunk of await client.chat.completions.create({
      model: "live",
      messages,
      stream: true,
      ...LONG_WINDED,
      max_tokens: 250,
    })) {
      if (chunk.choices[0]?.delta.content) begun();
      ended = chunk.choices[0]?.finish_reason ?? ended;
    }
    return ended;
  };
  /** A long answer that has begun. */
  const beginLong = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ending = long(resolve);
    await Promise.race([promise, ending]);
    return { ending };
  };
  /** Asks again and again until the answer changes; none of them may fail. */
  const nextAnswer = async (before: string | null | undefined) => {
    let now = before;
    // With pauses: beside it the new version is compiled on the same cores.
    await vi.waitUntil(async () => (now = await answer()) !== before, { timeout: 20_000, interval: 50 });
    return now;
  };

  it("takes up a model that is added, its new version, the old one again, and lets go of it", async () => {
    expect(await listed()).toEqual(["starter"]);
    await add(1);
    await waitUntil(async () => (await listed()).includes("live"), 15_000);
    const first = await answer();
    expect(first).toMatch(/starter model/i);

    const answering = await beginLong();
    await add(2);
    const second = await nextAnswer(first);
    expect(await answering.ending).toMatch(/stop|length/);

    await rollBack(modelsDir, "live");
    expect(await nextAnswer(second)).toBe(first);

    const last = await beginLong();
    await removeModel(modelsDir, "live");
    await waitUntil(async () => !(await listed()).includes("live"), 15_000);
    await expect(answer()).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    expect(await last.ending).toMatch(/stop|length/);
    expect(await listed()).toEqual(["starter"]);
  });

  it("goes on with the old version where the new one cannot be loaded, and while files are being replaced", async () => {
    let said = "";
    const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((said += String(text)), true));
    await add(1);
    await waitUntil(async () => (await listed()).includes("live"), 15_000);
    const first = await answer();
    const broken = await writeStarterVersion(join(data.path, "broken"), 1);
    // Enough to be listed, and refused by the loader.
    await writeFile(join(broken, "tokenizer.json"), "{}");
    await addToStore({ modelsDir, name: "live", folder: broken, source: "broken" });
    await waitUntil(async () => said.includes("The new version of live cannot be used"), 15_000);
    expect(await answer()).toBe(first);

    const plain = await writeStarterVersion(join(modelsDir, "plain"), 1);
    await waitUntil(async () => (await listed()).includes("plain"), 15_000);
    await writeFile(join(plain, "config.json"), "{");
    await addToStore({
      modelsDir,
      name: "another",
      folder: await writeStarterVersion(join(data.path, "a"), 1),
      source: "a",
    });
    await waitUntil(async () => (await listed()).includes("another"), 15_000);
    expect(await listed()).toContain("plain");
    stderr.mockRestore();
  });
});
