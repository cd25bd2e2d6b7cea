import type { NetworkFaults } from "./net/faults.ts";
import type { Random } from "./kernel/random.ts";

/** What a seed makes of a run: who is there, and how much trouble. Times are of the world; 0 is never. */
export interface Plan {
  /** Messages of tunnels may be lost, doubled and swapped, as no WebSocket does: then answers may suffer, but nothing else. */
  hostile: boolean;
  epochMs: number;
  homeSkewMs: number;
  agents: number;
  requests: number;
  /** Whether each request has one for embeddings beside it. */
  embeds: boolean;
  jobs: number;
  /** Whether somebody is told of jobs by webhooks. */
  webhooks: boolean;
  /** The last machine has a model of its own, and sleeps now and then: the others may wake it. */
  sleeps: boolean;
  troubleMs: number;
  network: NetworkFaults;
  /** Mean times between troubles of each kind. */
  every: Record<Trouble, number>;
  /** Share of requests by a key with limits. */
  limitedShare: number;
  slowShare: number;
  leavingShare: number;
  /** Share of answers with long pieces. */
  longShare: number;
}

export const TROUBLES = [
  "cut",
  "dead",
  "restart",
  "outage",
  "evict",
  "crash",
  "stop",
  "revoke",
  "twin",
  "revokeKey",
  "drain",
  "deploy",
] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Shortest mean time between two troubles of a kind. */
const AT_MOST_EVERY_MS: Record<Trouble, number> = {
  cut: 2_000,
  dead: 20_000,
  restart: 8_000,
  outage: 30_000,
  evict: 500,
  crash: 8_000,
  stop: 15_000,
  revoke: 20_000,
  twin: 30_000,
  revokeKey: 20_000,
  drain: 8_000,
  deploy: 15_000,
};

const DAY_MS = 24 * 3600_000;

export function drawPlan(seed: number, random: Random): Plan {
  const hostile = seed % 10 === 9;
  const troubleMs = random.spread(5_000, 90_000);
  // Some runs are calm, some have one kind of trouble, most have a few.
  const share = random.pick([0, 0.15, 0.3, 0.7]);
  const every: Record<Trouble, number> = { ...AT_MOST_EVERY_MS };
  for (const trouble of TROUBLES) {
    every[trouble] = random.chance(share) ? AT_MOST_EVERY_MS[trouble] * random.spread(2, 30) : 0;
  }
  const agents = random.pick([1, 1, 2, 3]);
  const slowest = random.spread(1, 300);
  return {
    hostile,
    // Every fourth run passes midnight, where a day's limits begin anew.
    epochMs: Date.UTC(2026, 0, 1) + (random.chance(0.25) ? DAY_MS - troubleMs / 2 : random.int(0, DAY_MS)),
    homeSkewMs: random.chance(0.3) ? random.int(-60_000, 60_000) : 0,
    agents,
    requests: random.int(1, 12),
    troubleMs,
    network: {
      latencyMs: { min: slowest / random.spread(2, 100), max: slowest },
      stallChance: random.chance(0.3) ? 0.02 : 0,
      stallMs: random.spread(10, 5_000),
      loseChance: hostile ? random.pick([0, 0.01, 0.05]) : 0,
      doubleChance: hostile ? random.pick([0, 0.01, 0.05]) : 0,
      swapChance: hostile ? random.pick([0, 0.01, 0.05]) : 0,
    },
    every,
    limitedShare: random.pick([0, 0.3, 1]),
    slowShare: random.pick([0, 0.3, 1]),
    leavingShare: random.pick([0, 0.3]),
    jobs: random.chance(0.3) ? random.int(1, 6) : 0,
    embeds: random.chance(0.2),
    longShare: random.pick([0, 0, 0.3]),
    ...drawMore(random.fork("more"), agents),
  };
}

function drawMore(random: Random, agents: number): Pick<Plan, "webhooks" | "sleeps"> {
  return { webhooks: random.chance(0.5), sleeps: agents > 1 && random.chance(0.4) };
}
