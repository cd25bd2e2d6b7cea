import type { WakeTarget } from "../../../shared/protocol/messages.ts";
import { type AgentView, holdersOf, type Needs } from "./candidates.ts";

/** A machine takes about this long to wake and dial: until then it is not asked again, nor another in its place. */
const WAKING_MS = 45_000;
/** Siblings that send the packet: one may be on another segment of a network with the same numbers. */
const MOST_SIBLINGS = 2;

/** What came of a wish to wake a machine. */
export type WakeOutcome =
  | "awake"
  /** A sibling sends the packet now. */
  | "asked"
  /** It was asked for moments ago. */
  | "under_way"
  /** Nobody allowed it on the machine. */
  | "not_allowed"
  /** No machine on its network is awake and allowed to. */
  | "no_sibling"
  | "unknown";

type Send = (sibling: string, targets: WakeTarget[]) => boolean;

/** Wakes machines by way of their siblings: which, through whom, and how often. Decides only; `send` does it. */
export class Waker {
  readonly #asked = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether a machine that sleeps could be woken. */
  canWake(agentId: string, agents: readonly AgentView[]): boolean {
    const sleeper = agents.find(({ id }) => id === agentId);
    return sleeper !== undefined && !sleeper.online && siblingsOf(sleeper, agents).length > 0;
  }

  wake(agentId: string, agents: readonly AgentView[], send: Send): WakeOutcome {
    const sleeper = agents.find(({ id }) => id === agentId);
    if (sleeper === undefined) return "unknown";
    if (sleeper.online) return "awake";
    if (sleeper.status?.wake === undefined) return "not_allowed";
    if (this.#isUnderWay(agentId)) return "under_way";
    let asked = 0;
    for (const { id, targets } of siblingsOf(sleeper, agents)) {
      if (asked < MOST_SIBLINGS && send(id, targets)) asked += 1;
    }
    if (asked === 0) return "no_sibling";
    this.#asked.set(agentId, this.#now());
    return "asked";
  }

  /**
   * Whom to wake for a request that nobody online can take: the one that is waking, else those that were not asked, or longest ago, first.
   * Those out of service sleep on. Throws as `capableOf` does where no machine will ever do.
   */
  sleepers(needs: Pick<Needs, "task" | "model">, agents: readonly AgentView[]): string[] {
    const ids = holdersOf(needs, agents)
      .filter(({ agent }) => !agent.online && !agent.draining && agent.status.wake !== undefined)
      .map(({ agent }) => agent.id);
    const waking = ids.find((id) => this.#isUnderWay(id));
    if (waking !== undefined) return [waking];
    return ids.toSorted((a, b) => (this.#asked.get(a) ?? 0) - (this.#asked.get(b) ?? 0));
  }

  #isUnderWay(agentId: string): boolean {
    const askedMs = this.#asked.get(agentId);
    return askedMs !== undefined && this.#now() - askedMs < WAKING_MS;
  }
}

/** Machines that are awake, on a network of the sleeper, and allowed to wake others; with what each is to send there. */
function siblingsOf(sleeper: AgentView, agents: readonly AgentView[]): { id: string; targets: WakeTarget[] }[] {
  return agents.flatMap(({ id, online, status }) => {
    if (id === sleeper.id || !online) return [];
    const networks = new Set(status?.wake?.map(({ network }) => network));
    const targets = sleeper.status?.wake?.filter(({ network }) => networks.has(network)) ?? [];
    return targets.length === 0 ? [] : [{ id, targets }];
  });
}
