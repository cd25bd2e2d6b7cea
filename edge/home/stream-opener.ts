import { PorchlightError } from "../../shared/errors.ts";
import type { ControlMessage, StreamHeader } from "../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import type { AgentTable } from "./agent-table.ts";
import type { Demand, Dispatcher, Placement } from "./dispatch/dispatcher.ts";
import { canGoOn } from "./dispatch/failover.ts";
import type { Machines } from "./dispatch/machines.ts";
import type { Choice, Opened as OpenedRun, RunMachines } from "./runs/machines.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** When machines that are full may be asked again. */
const OVERLOADED_RETRY_MS = 1_000;

/** A request on its way: its stream, and its place on the machine. */
export interface Opened {
  stream: ProtocolStream;
  placement: Placement;
  tunnel: Tunnel;
}

export interface StreamOpenerOptions {
  agents: AgentTable;
  tunnels: Tunnels;
  machines: Machines;
  dispatcher: Dispatcher;
  /** A machine was given work. */
  onUsed(this: void, agentId: string): void;
  /** A machine may have room again. */
  onRoom(this: void): void;
}

/** Opens streams on the machines that are to have them, and speaks to those that have runs. */
export class StreamOpener implements RunMachines {
  readonly #options: StreamOpenerOptions;

  constructor(options: StreamOpenerOptions) {
    this.#options = options;
  }

  open(demand: Demand, header: StreamHeader, { only, not, like, keeps }: Choice): OpenedRun {
    const model = like === undefined ? undefined : this.#modelOn(like, demand.model);
    const { stream, placement, tunnel } = this.openFirst(demand, header, (agentId, its) => {
      if (only !== undefined && only !== agentId) return false;
      const itsModel = like === undefined ? undefined : this.#modelOn(agentId, demand.model);
      const isLike = like === undefined || (model !== undefined && itsModel !== undefined && canGoOn(model, itsModel));
      return agentId !== not && isLike && (keeps !== true || its.keepsRuns);
    });
    return { stream, placement, keeps: tunnel.keepsRuns };
  }

  resume(agentId: string, header: StreamHeader): ProtocolStream | "away" | "full" {
    const { tunnels } = this.#options;
    const tunnel = this.#tunnelWithRuns(agentId);
    if (tunnel === undefined) return "away";
    try {
      return tunnels.openStream(tunnel, header);
    } catch (error) {
      if (error instanceof PorchlightError) return error.code === "overloaded" ? "full" : "away";
      throw error;
    }
  }

  tell(agentId: string, message: ControlMessage): void {
    this.#tunnelWithRuns(agentId)?.session.control(message);
  }

  check(agentId: string): void {
    this.#options.machines.check(agentId);
  }

  look(agentId: string): void {
    this.#options.tunnels.look(agentId);
  }

  /** On the machine that would be done first, of those that take it. Throws PorchlightError. */
  openFirst(
    demand: Demand,
    header: StreamHeader,
    isAllowed: (agentId: string, tunnel: Tunnel) => boolean = () => true,
  ): Opened {
    const { machines, tunnels, dispatcher, onUsed, onRoom } = this.#options;
    for (const { ranked, tunnel } of machines.choose(demand)) {
      if (!isAllowed(ranked.agent.id, tunnel)) continue;
      try {
        const stream = tunnels.openStream(tunnel, header);
        onUsed(tunnel.agentId);
        return { stream, tunnel, placement: dispatcher.place(ranked, demand, onRoom) };
      } catch (error) {
        if (!(error instanceof PorchlightError)) throw error; // Else it is full, or going away: the next one may take it.
      }
    }
    throw new PorchlightError("overloaded", undefined, { retryAfterMs: OVERLOADED_RETRY_MS });
  }

  #tunnelWithRuns(agentId: string): Tunnel | undefined {
    return this.#options.tunnels.all.find((one) => one.agentId === agentId && one.keepsRuns);
  }

  #modelOn(agentId: string, name: string) {
    return this.#options.agents.statusOf(agentId)?.models.find((model) => model.name === name);
  }
}
