import { whatIsWrong } from "../client/client.ts";
import { STATES } from "../edge/server-socket.ts";
import { Violation } from "../kernel/kernel.ts";
import { liveSessions } from "../probes.ts";
import type { World } from "../world.ts";

/** What a socket's attachment says, as far as it is looked at. */
interface Attachment {
  phase?: string;
  agentId?: string;
}

/** What must hold after every single event. Throws a Violation. */
export class Always {
  readonly #world: World;
  /** How many events of each outcome are checked already. */
  readonly #checked: number[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  check(): void {
    this.#sockets();
    this.#credit();
    if (!this.#world.plan.hostile) this.#answers();
  }

  /** At most one live generation of a machine; none of one that was shut out. */
  #sockets(): void {
    const live = new Set<string>();
    for (const socket of this.#world.host.sockets) {
      if (socket.state !== STATES.open) continue;
      // Written by the object itself.
      const { phase, agentId = "" } = socket.attachment as Attachment;
      if (phase !== "open") continue;
      if (this.#world.shutOut.has(agentId)) throw new Violation(`${agentId} was revoked and has a live connection`);
      if (live.has(agentId)) throw new Violation(`${agentId} has two live connections`);
      live.add(agentId);
    }
  }

  /** Nobody sends beyond what it was granted, and both sides know that of their own. */
  #credit(): void {
    for (const session of liveSessions()) {
      const { process, connectionCreditBytes } = session;
      const bytes = session.sendCreditBytes();
      if (bytes < 0 || bytes > connectionCreditBytes)
        throw new Violation(`${process.name} has ${bytes} bytes of credit`);
    }
  }

  #answers(): void {
    this.#world.outcomes.forEach((outcome, n) => {
      const count = outcome.events.length;
      if (this.#checked[n] === count) return;
      this.#checked[n] = count;
      const wrong = whatIsWrong(outcome);
      if (wrong !== undefined) throw new Violation(wrong);
    });
  }
}
