import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readMachineSettings } from "../../../node-agent/agent/machine-file.ts";
import { type TrialOptions, Trials } from "../../../node-agent/agent/trials.ts";
import { Upkeep, type UpkeepOptions } from "../../../node-agent/agent/upkeep.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const TRIALS: TrialOptions = {
  run: async () => ({ model: "m", tokensPerSecond: 10 }),
  isBusy: () => false,
  isLoaded: () => true,
  keepAliveMs: undefined,
  everyMs: 20,
  retryMs: 20,
  onHealth: () => undefined,
};

describe("trials of a model", () => {
  let trials: Trials | undefined;
  afterEach(() => trials?.stop());
  /** Starts trials, and counts them. */
  const start = (change: Partial<TrialOptions>) => {
    const stays: (number | undefined)[] = [];
    const run = change.run ?? TRIALS.run;
    trials = new Trials({
      ...TRIALS,
      ...change,
      run: async (signal, keepAliveMs) => {
        stays.push(keepAliveMs);
        return await run(signal, keepAliveMs);
      },
    });
    return { trials, stays };
  };
  const soon = () => new Promise((resolve) => setTimeout(resolve, 120));

  it("come again and again while nobody asks anything", async () => {
    const { stays } = start({});
    await vi.waitFor(() => expect(stays.length).toBeGreaterThan(2));
    expect(trials?.health).toMatchObject({ ok: true });
  });

  it("are none while the machine is busy, the model is not loaded, they are turned off, or it stays for another's sake", async () => {
    const all = [{ isBusy: () => true }, { isLoaded: () => false }, { everyMs: 0 }, { keepAliveMs: 15 }];
    const counts = await Promise.all(
      all.map(async (change) => {
        const { trials: own, stays } = start(change);
        await soon();
        own.stop();
        return stays.length;
      }),
    );
    expect(counts).toEqual([0, 0, 0, 0]);
  });

  it("leave the time that an idle model stays as it was", async () => {
    const { stays } = start({ keepAliveMs: 10_000 });
    await vi.waitFor(() => expect(stays.length).toBeGreaterThan(0));
    expect(stays[0]).toBeLessThan(10_000 - 19);
    expect(stays[0]).toBeGreaterThan(5_000);
  });

  it("that fail are repeated, loaded or not, until one passes", async () => {
    let fails = 2;
    const told: boolean[] = [];
    const { trials: own } = start({
      isLoaded: () => false,
      run: async () => {
        if (fails-- > 0) throw new PorchlightError("engine_crashed", "It broke.");
        return undefined;
      },
      onHealth: ({ ok }) => told.push(ok),
    });
    await own.check();
    expect(own.health).toMatchObject({ ok: false, reason: "It broke." });
    await vi.waitFor(() => expect(told).toEqual([false, false, true]));
    await soon();
    expect(told.length).toBe(3);
  });

  it("fail when the model hangs, and a machine with too much work has not failed", async () => {
    const hangs = start({ everyMs: 0, timeoutMs: 30, run: () => new Promise(() => undefined) }).trials;
    await hangs.check();
    expect(hangs.health).toMatchObject({ ok: false, reason: "The model did not answer in time." });
    const busy = start({ everyMs: 0, run: async () => Promise.reject(new PorchlightError("overloaded")) }).trials;
    await busy.check();
    expect(busy.health).toEqual({ ok: true, checkedAt: 0 });
  });
});

describe("the upkeep of a machine", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  let upkeep: Upkeep | undefined;
  let others: number;
  let announced: number;
  beforeEach(async () => {
    data = await temporaryFolder();
    file = join(data.path, "agent", "machine.json");
    others = 0;
    announced = 0;
  });
  afterEach(async () => {
    upkeep?.stop();
    await data[Symbol.asyncDispose]();
  });
  const start = async (change: Partial<UpkeepOptions> = {}): Promise<Upkeep> => {
    upkeep = await Upkeep.start({
      machineFile: file,
      trials: { ...TRIALS, everyMs: 0 },
      requests: () => ({ tunnel: 0, others }),
      slots: 4,
      onSpeed: () => undefined,
      announce: () => announced++,
      log: () => undefined,
      ...change,
    });
    return upkeep;
  };

  it("takes it out of service when the edge says so, and keeps that over restarts", async () => {
    const first = await start();
    expect(first.status()).toEqual({ slots: 4, health: { ok: true, checkedAt: 0 } });
    first.control({ type: "drain", draining: true });
    await vi.waitFor(() => expect(announced).toBe(1));
    expect((await start()).status().draining).toBe(true);
    await upkeep?.set({ draining: false });
    expect((await start()).status().draining).toBeUndefined();
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ draining: false, wake: false });
  });

  it("is that of a new machine where its file is broken", async () => {
    await (await start()).set({ draining: true });
    for (const text of ["", "{", '{"draining":"yes"}', "[]"]) {
      await writeFile(file, text);
      expect(await readMachineSettings(file)).toEqual({ draining: false, wake: false });
    }
  });

  it("tells how it is woken only where that is allowed, and wakes others only then", async () => {
    const socket = createSocket("udp4").bind(0);
    await once(socket, "listening");
    const heard: Buffer[] = [];
    socket.on("message", (message) => heard.push(message));
    const target = { mac: "3c:52:82:0a:1b:2c", network: "127.0.0.0/8" };
    const card = { ...target, address: "127.0.0.1", broadcast: "127.255.255.255" };
    const { port } = socket.address();
    const own = await start({ network: { cards: () => [card], port } });
    expect(own.status().wake).toBeUndefined();
    own.control({ type: "wake", targets: [target] });
    await own.set({ wake: true });
    expect(heard.length).toBe(0);
    expect(own.status().wake).toEqual([target]);
    own.control({ type: "wake", targets: [target] });
    await vi.waitFor(() => expect(heard.length).toBe(3));
    // Not again within seconds, whoever asks.
    own.control({ type: "wake", targets: [target] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard.length).toBe(3);
    socket.close();
  });

  it("tells of others' requests a while after they changed, and not of each", async () => {
    vi.useFakeTimers();
    try {
      const own = await start({ machineFile: undefined });
      for (others = 1; others < 50; others++) own.loadChanged();
      await vi.advanceTimersByTimeAsync(2_000);
      expect(announced).toBe(1);
      expect(own.status().otherRequests).toBe(50);
      own.loadChanged();
      await vi.advanceTimersByTimeAsync(2_000);
      expect(announced).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
