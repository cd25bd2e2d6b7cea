import { beforeEach, expect, it, vi } from "vitest";
import { Liveness } from "../../../edge/home/liveness.ts";
import type { Tunnel } from "../../../edge/home/tunnels.ts";

let nowMs = 0;
let pingedMs: number | undefined;
let dead: Tunnel[];
let liveness: Liveness;
const ping = vi.fn<() => void>();
// Of a tunnel only these are looked at.
const tunnel = { socket: {}, session: { ping } } as unknown as Tunnel;

beforeEach(() => {
  ping.mockReset();
  [nowMs, pingedMs, dead] = [1_000_000, undefined, []];
  liveness = new Liveness({
    pingedAtMs: () => pingedMs,
    onDead: (one) => dead.push(one),
    now: () => nowMs,
  });
});
/** A run looks every five seconds. */
function pass(ms: number): void {
  for (let passed = 0; passed < ms; passed += 5_000) {
    nowMs += 5_000;
    liveness.look(tunnel);
  }
}

it("asks a machine that is silent, and gives it up when it does not answer", () => {
  liveness.look(tunnel);
  pass(40_000);
  expect(ping).not.toHaveBeenCalled();
  pass(10_000);
  expect(ping).toHaveBeenCalledTimes(1);
  expect(dead).toEqual([]);
  pass(5_000);
  expect(dead).toEqual([tunnel]);
});

it.each([
  ["says something", () => liveness.heard(tunnel)],
  ["pings", () => (pingedMs = nowMs)],
])("leaves a machine alone that %s now and then", (_what, live) => {
  liveness.look(tunnel);
  for (let n = 0; n < 10; n++) {
    pass(40_000);
    live();
  }
  expect(ping).not.toHaveBeenCalled();
  pass(50_000);
  expect(ping).toHaveBeenCalledTimes(1);
  live();
  pass(40_000);
  expect(dead).toEqual([]);
});

it("knows at once of one that went to sleep while nobody wanted anything, and asks it first all the same", () => {
  pingedMs = nowMs - 3_600_000;
  liveness.look(tunnel);
  expect(ping).toHaveBeenCalledTimes(1);
  pass(5_000);
  expect(dead).toEqual([]);
  pass(5_000);
  expect(dead).toEqual([tunnel]);
});
