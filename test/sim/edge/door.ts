import { CLOSE_CODES, type CloseCode } from "../../../shared/protocol/close-codes.ts";
import { refuse } from "../../../shared/protocol/edge-handshake.ts";
import { type Machine, ORIGIN } from "../agent/agent-process.ts";
import type { DialAnswer } from "../agent/ws.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { NetworkFaults } from "../net/faults.ts";
import { Wire, type WireEnd } from "../net/wire.ts";
import type { VirtualDatabase } from "./database.ts";
import type { ObjectHost } from "./object-host.ts";
import type { HomeObject, Product } from "./product.ts";

/**
 * The Worker before the Home object, as far as machines go: the route of the tunnel and the table of machines. Its code is Hono over a
 * database, which is tested elsewhere; what is kept of it here is its order, and that each step takes time.
 */
export class Door {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #faults: () => NetworkFaults;
  readonly #host: ObjectHost<HomeObject>;
  readonly #product: Product;
  readonly #database: VirtualDatabase;
  /** What stands in the database's table of machines. */
  readonly #machines = new Map<string, { machine: Machine; revoked: boolean }>();
  readonly #wires = new Map<string, Set<Wire>>();
  /** Nobody answers. */
  isDown = false;
  /** Called when a machine's dial has passed the table, and has not reached the object. */
  onLookup: (agentId: string) => void = () => undefined;

  constructor(options: {
    kernel: Kernel;
    random: Random;
    faults: () => NetworkFaults;
    host: ObjectHost<HomeObject>;
    product: Product;
    database: VirtualDatabase;
  }) {
    this.#database = options.database;
    this.#kernel = options.kernel;
    this.#random = options.random;
    this.#faults = options.faults;
    this.#host = options.host;
    this.#product = options.product;
  }

  pair(machine: Machine): void {
    this.#machines.set(machine.id, { machine, revoked: false });
    this.#database.pair(machine);
  }

  knows(agentId: string): boolean {
    return this.#machines.has(agentId);
  }

  isRevoked(agentId: string): boolean {
    return this.#machines.get(agentId)?.revoked === true;
  }

  /** Every connection of a machine that may still carry something. */
  wiresOf(agentId: string): Wire[] {
    return [...(this.#wires.get(agentId) ?? [])].filter((wire) => wire.isUp);
  }

  /** As the route does it: first the table, then the object. `told` is called when the object has been. */
  async revoke(agentId: string, told: () => void): Promise<void> {
    const row = this.#machines.get(agentId);
    if (row) row.revoked = true;
    this.#database.setRevoked(agentId, 1);
    await this.#host.call(async (home) => {
      await home.revoke(agentId);
      told();
    });
  }

  restore(agentId: string): void {
    const row = this.#machines.get(agentId);
    if (row) row.revoked = false;
    this.#database.setRevoked(agentId, null);
  }

  /** A machine dials; called in its process. */
  dial(agentId: string, end: WireEnd, answer: DialAnswer): void {
    const answerLater = (act: () => void): void => {
      this.#kernel.plan(end.process, this.#latencyMs(), act);
    };
    // Connecting takes a few round trips.
    this.#kernel.plan(this.#host.platform, 3 * this.#latencyMs(), () => {
      if (this.isDown) {
        return answerLater(() => answer.refused(this.#random.pick([undefined, 502, 503])));
      }
      const row = this.#machines.get(agentId);
      if (!row) return this.#refuse(CLOSE_CODES.auth, "agent_unknown", end, answerLater, answer);
      if (row.revoked) return this.#refuse(CLOSE_CODES.revoked, "agent_revoked", end, answerLater, answer);
      const { id, publicKey } = row.machine;
      this.onLookup(id);
      // From the database's answer to the object's taking of the dial.
      this.#kernel.plan(this.#host.platform, this.#random.spread(0.5, 20), () => {
        if (this.isDown) return answerLater(() => answer.refused(undefined));
        const request = this.#product.encodeDial({ agentId: id, publicKey, origin: ORIGIN });
        this.#host.dial(request, end, (wire) => {
          if (!wire) return answerLater(() => answer.refused(500));
          this.#keep(id, wire);
          answerLater(() => answer.accepted(wire));
        });
      });
    });
  }

  #keep(agentId: string, wire: Wire): void {
    const wires = this.#wires.get(agentId) ?? new Set();
    for (const old of wires) if (!old.isUp) wires.delete(old);
    this.#wires.set(agentId, wires.add(wire));
  }

  /** Accepts only to close. */
  #refuse(
    code: CloseCode,
    reason: "agent_unknown" | "agent_revoked",
    end: WireEnd,
    answerLater: (act: () => void) => void,
    answer: DialAnswer,
  ): void {
    const nobody: WireEnd = {
      process: this.#host.platform,
      onMessage: () => undefined,
      onClose: () => undefined,
      onBroken: () => undefined,
    };
    const wire = new Wire(this.#kernel, this.#random, this.#faults, [end, nobody]);
    answerLater(() => answer.accepted(wire));
    this.#kernel.plan(this.#host.platform, 2 * this.#faults().latencyMs.max, () => {
      const { bytes } = refuse(code, reason);
      if (bytes) wire.send(1, bytes);
      wire.close(1, code, reason);
    });
  }

  #latencyMs(): number {
    const { min, max } = this.#faults().latencyMs;
    return this.#random.spread(min, max);
  }
}
