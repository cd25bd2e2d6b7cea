import { expect, test } from "vitest";
import { Backoff } from "../../../node-agent/link/backoff.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";

const BROKEN = 1006;
const RESTART = 1012;

test("doubles from one second to sixty, and starts over after a minute of health", () => {
  const backoff = new Backoff(PROTOCOL_LIMITS, () => 0);
  const waits = Array.from({ length: 8 }, () => backoff.nextMs(BROKEN, 0));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(backoff.nextMs(BROKEN, 59_999)).toBe(60_000);
  expect(backoff.nextMs(BROKEN, 60_000)).toBe(1000);
});

test("waits for five seconds at most while somebody waits for a run", () => {
  const backoff = new Backoff(PROTOCOL_LIMITS, () => 0);
  const waits = Array.from({ length: 5 }, () => backoff.nextMs(BROKEN, 0, true));
  expect(waits).toEqual([1000, 2000, 4000, 5000, 5000]);
  expect(backoff.nextMs(BROKEN, 0)).toBe(32_000);
});

test("chance shortens a wait by up to a quarter", () => {
  expect(new Backoff(PROTOCOL_LIMITS, () => 0.999).nextMs(BROKEN, 0)).toBeCloseTo(750, 0);
});

test("tries at once after a restart, then twice a second for a minute, and only once until the edge is healthy again", () => {
  let now = 0;
  const backoff = new Backoff(
    PROTOCOL_LIMITS,
    () => 0.5,
    () => now,
  );
  expect(backoff.nextMs(RESTART, 0)).toBe(125);
  for (now = 125; now < 60_000; now += 500) expect(backoff.nextMs(BROKEN, 0)).toBe(437.5);
  // An edge that says so again and again is not believed.
  expect(backoff.nextMs(RESTART, 0)).toBe(875);
  expect(backoff.nextMs(RESTART, 0)).toBe(1750);
  expect(backoff.nextMs(RESTART, 70_000)).toBe(125);
});
