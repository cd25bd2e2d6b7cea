import { PorchlightError } from "../../../shared/errors.ts";
import type { ModelInfo } from "../../../shared/inference/model.ts";
import type { ControlMessage, Health, Machine, Speed, StatusMessage } from "../../../shared/protocol/messages.ts";
import type { AgentTable } from "../agent-table.ts";
import type { Prospect } from "../jobs/runner.ts";
import type { Tunnel } from "../tunnels.ts";
import type { AgentView, Needs } from "./candidates.ts";
import type { Demand, Dispatcher } from "./dispatcher.ts";
import type { Ranked } from "./rank.ts";
import { type WakeOutcome, Waker } from "./waker.ts";

/** When a machine that is being woken may be asked. */
const WAKING_RETRY_MS = 20_000;

/** How a machine stands, for people and programs. */
export interface AgentStatus {
  id: string;
  online: boolean;
  machine: Machine | undefined;
  version: string | undefined;
  models: ModelInfo[];
  speed: Speed | undefined;
  /** Requests that it answers for this edge now. */
  running: number;
  /** Out of service: it finishes what runs and gets no new work. */
  draining: boolean;
  /** Its last trial, as it told; undefined for one that makes none. */
  health: Health | undefined;
  /** Whether it gets work, as far as its trials go. */
  healthy: boolean;
  /** Whether a sibling that is awake could wake it. */
  wakeable: boolean;
}

/** The household's machines: what they say of themselves, and what the edge asks of them. */
export class Machines {
  readonly #agents: AgentTable;
  readonly #tunnels: () => Tunnel[];
  readonly #dispatcher: Dispatcher;
  readonly #waker = new Waker();

  constructor(agents: AgentTable, tunnels: () => Tunnel[], dispatcher: Dispatcher) {
    this.#agents = agents;
    this.#tunnels = tunnels;
    this.#dispatcher = dispatcher;
  }

  /** Every model of every machine that ever connected. */
  models(): (ModelInfo & { online: boolean })[] {
    return this.list().flatMap(({ models, online }) => models.map((model) => ({ ...model, online })));
  }

  /** Every machine that ever connected. */
  list(): AgentStatus[] {
    const views = this.views();
    const streams = new Map(this.#tunnels().map(({ agentId, session }) => [agentId, session.streamCount]));
    return views.map(({ id, status, online, draining, healthy }) => ({
      id,
      online,
      machine: status?.machine,
      version: status?.agentVersion,
      models: status?.models ?? [],
      speed: status?.speed,
      running: streams.get(id) ?? 0,
      draining,
      health: status?.health,
      healthy,
      wakeable: this.#waker.canWake(id, views),
    }));
  }

  views(): AgentView[] {
    const online = new Set(this.#tunnels().flatMap(({ agentId, leaving }) => (leaving ? [] : [agentId])));
    return [...this.#agents.all()].map(({ id, status, wantsDrain }) => ({
      id,
      status,
      online: online.has(id),
      draining: wantsDrain ?? status?.draining ?? false,
      healthy: this.#dispatcher.isHealthy(id, status?.health),
    }));
  }

  /**
   * The machines that can take a request, with their tunnels, the one that would be done first in front. Where there is none, one that
   * sleeps and could is woken. Throws as `capableOf` does.
   */
  choose(demand: Demand): { ranked: Ranked; tunnel: Tunnel }[] {
    const tunnels = new Map(this.#tunnels().map((tunnel) => [tunnel.agentId, tunnel]));
    return this.#ranked(demand).flatMap((ranked) => {
      const tunnel = tunnels.get(ranked.agent.id);
      return tunnel === undefined ? [] : [{ ranked, tunnel }];
    });
  }

  /**
   * Whether a machine would take a request at once, without waiting behind others. Where there is none, one that sleeps and could is woken.
   * Throws as `capableOf` does.
   */
  hasRoom(needs: Needs): boolean {
    return this.#ranked({ ...needs, prefix: [] }).some(({ load, slots }) => load < slots);
  }

  /** The machines that can take a request now, the one that would be done first in front; empty where there is none. */
  prospects(needs: Needs): Prospect[] {
    try {
      const ranked = this.#dispatcher.choose({ ...needs, prefix: [] }, this.views());
      return ranked.map(({ agent, slots, load, waitMs, expectedMs }) => {
        return { agentId: agent.id, slots, load, waitMs, runMs: expectedMs - waitMs };
      });
    } catch (error) {
      if (error instanceof PorchlightError) return [];
      throw error;
    }
  }

  /** An agent said how it stands. */
  took(agentId: string, status: StatusMessage): void {
    this.#dispatcher.statusChanged(agentId, this.#agents.statusOf(agentId), status);
    this.#agents.setStatus(agentId, status);
    const wanted = this.#agents.wantsDrain(agentId);
    if (wanted === undefined || status.health === undefined) return;
    // What a person wants here counts until the machine has taken it up; from then on the machine keeps it.
    if ((status.draining ?? false) === wanted) this.#agents.setWantsDrain(agentId, undefined);
    else this.#tell(agentId, { type: "drain", draining: wanted });
  }

  /** Takes a machine out of service or brings it back, now or when it comes. */
  drain(agentId: string, draining: boolean): void {
    this.#agents.setWantsDrain(agentId, draining);
    this.#tell(agentId, { type: "drain", draining });
  }

  /** Has a machine try its model. Does nothing for one that cannot be asked. */
  check(agentId: string): void {
    this.#tell(agentId, { type: "check" });
  }

  /** Wakes a machine through siblings on its network. */
  wake(agentId: string): WakeOutcome {
    return this.#waker.wake(agentId, this.views(), (sibling, targets) =>
      this.#tell(sibling, { type: "wake", targets }),
    );
  }

  /**
   * Wakes a machine that could take a request, where none that is online can. Returns whether one is on its way.
   * Throws `model_not_found` and `model_task_mismatch`.
   */
  wakeFor(needs: Needs): boolean {
    return this.#waker
      .sleepers(needs, this.views())
      .some((agentId) => ["asked", "under_way"].includes(this.wake(agentId)));
  }

  forget(agentId: string): void {
    this.#agents.remove(agentId);
    this.#dispatcher.forget(agentId);
  }

  #ranked(demand: Demand): Ranked[] {
    try {
      return this.#dispatcher.choose(demand, this.views());
    } catch (error) {
      if (!(error instanceof PorchlightError && error.code === "agent_offline" && this.wakeFor(demand))) throw error;
      const sentence = `The machine that has '${demand.model.slice(0, 256)}' sleeps and is being woken. Try again in half a minute.`;
      throw new PorchlightError("agent_offline", sentence, { retryAfterMs: WAKING_RETRY_MS });
    }
  }

  /** Only to agents that say that they take such messages, for to others they are a violation. */
  #tell(agentId: string, message: ControlMessage): boolean {
    const tunnel = this.#tunnels().find((one) => one.agentId === agentId);
    if (tunnel === undefined || this.#agents.statusOf(agentId)?.health === undefined) return false;
    tunnel.session.control(message);
    return true;
  }
}
