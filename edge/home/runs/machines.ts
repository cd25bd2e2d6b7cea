import type { ControlMessage, StreamHeader } from "../../../shared/protocol/messages.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import type { Demand, Placement } from "../dispatch/dispatcher.ts";

/** A stream on a machine, and the run's place there. */
export interface Opened {
  stream: ProtocolStream;
  placement: Placement;
  /** Whether the agent keeps runs. */
  keeps: boolean;
}

/** Which machines may be asked. */
export interface Choice {
  only?: string;
  not?: string;
  /** Only one whose model is the same as this machine's. */
  like?: string;
  /** Only one that takes up answers that others have begun. */
  keeps?: boolean;
}

/** The machines, as runs know them. */
export interface RunMachines {
  /** Opens a stream on the machine that would be done first. Throws PorchlightError where none takes it. */
  open(demand: Demand, header: StreamHeader, choice: Choice): Opened;
  /** The same on this machine, for a run that is there. `full`: it takes no more streams just now. */
  resume(agentId: string, header: StreamHeader): ProtocolStream | "away" | "full";
  tell(agentId: string, message: ControlMessage): void;
  /** A machine has failed so often that it must be tried. */
  check(agentId: string): void;
  /** A run waits for lines of this machine: it is to be there. */
  look(agentId: string): void;
}
