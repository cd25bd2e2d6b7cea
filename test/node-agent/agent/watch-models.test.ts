import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchModels } from "../../../node-agent/agent/watch-models.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

describe("watchModels", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  let stop = (): void => undefined;
  beforeEach(async () => {
    data = await temporaryFolder();
    folder = join(data.path, "models");
  });
  afterEach(async () => {
    stop();
    await data[Symbol.asyncDispose]();
  });

  /** Begins to watch and returns what counts the calls, after the first look. */
  const watch = async (pollMs: number) => {
    const onChange = vi.fn(async () => undefined);
    stop = watchModels({ folder, onChange, pollMs });
    await vi.waitUntil(() => onChange.mock.calls.length === 1, { timeout: 5_000 });
    return onChange;
  };
  const calls = async (onChange: { mock: { calls: unknown[] } }, count: number) =>
    await vi.waitUntil(() => onChange.mock.calls.length >= count, { timeout: 5_000, interval: 10 });

  it("hears of what is added and removed without being asked, once for what comes together", async () => {
    await mkdir(folder);
    const onChange = await watch(1_000_000);
    const made = join(data.path, "made");
    await mkdir(made);
    await writeFile(join(made, "config.json"), "{}");
    await rename(made, join(folder, "m"));
    await writeFile(join(folder, "another.gguf"), "");
    await calls(onChange, 2);
    await rm(join(folder, "m"), { recursive: true });
    await calls(onChange, 3);
    await sleep(300);
    expect(onChange).toHaveBeenCalledTimes(3);
  });

  it("sees by itself what no system tells of: a folder that comes later, a file that changes in one", async () => {
    const onChange = await watch(50);
    await mkdir(join(folder, "m"), { recursive: true });
    await calls(onChange, 2);
    const config = join(data.path, "config.json");
    await writeFile(config, "{}");
    await rename(config, join(folder, "m", "config.json"));
    await calls(onChange, 3);
    // What is not a model's, and what is being pulled, is nobody's business.
    await mkdir(join(folder, ".pull"));
    await sleep(200);
    expect(onChange).toHaveBeenCalledTimes(3);
  });

  it("asks again when what changed could not be taken up", async () => {
    await mkdir(folder);
    const onChange = vi.fn(async () => undefined).mockRejectedValueOnce(new Error("half a model"));
    stop = watchModels({ folder, onChange, pollMs: 50 });
    await calls(onChange, 2);
    await sleep(200);
    expect(onChange).toHaveBeenCalledTimes(2);
  });
});
