import { machineOf } from "./agent/agent-process.ts";
import type { Caller } from "./edge/product.ts";
import type { Random } from "./kernel/random.ts";
import { type Trouble, TROUBLES } from "./plan.ts";
import type { World } from "./world.ts";

/** Plans all that befalls a world until its trouble is over. */
export class Chaos {
  readonly #world: World;
  readonly #random: Random;
  readonly #acts: Record<Trouble, () => void>;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.kernel.random.fork("chaos");
    this.#acts = {
      cut: () => this.#anyWire()?.cut(),
      dead: () => this.#anyWire()?.goDead(),
      restart: () => world.host.restart(),
      outage: () => this.#outage(),
      evict: () => void world.host.evict(),
      crash: () => this.#crash(),
      stop: () => this.#stop(),
      revoke: () => this.#revoke(),
      twin: () => this.#twin(),
      drain: () => this.#drain(),
      deploy: () => this.#deploy(),
      revokeKey: () => void world.revokeKey(this.#random.pick(LIMITED).id).catch(unlessLost),
    };
  }

  /** Plans each trouble's first time. */
  begin(): void {
    for (const trouble of TROUBLES) this.#plan(trouble);
  }

  #plan(trouble: Trouble): void {
    const { kernel, plan } = this.#world;
    const everyMs = plan.every[trouble];
    const waitMs = everyMs === 0 ? Infinity : 2 * everyMs * this.#random.fraction();
    if (kernel.nowMs + waitMs > plan.troubleMs) return;
    kernel.plan(this.#world.root, waitMs, () => {
      kernel.trace(trouble);
      this.#acts[trouble]();
      this.#plan(trouble);
    });
  }

  #anyMachine(): string {
    return machineOf(this.#random.int(0, this.#world.plan.agents - 1)).id;
  }

  #anyWire() {
    return this.#anyWireOf(this.#anyMachine());
  }

  #anyWireOf(id: string) {
    const wires = this.#world.door.wiresOf(id);
    return wires[this.#random.int(0, wires.length - 1)];
  }

  #outage(): void {
    const { door, host, kernel, root } = this.#world;
    door.isDown = true;
    host.restart();
    kernel.plan(root, this.#random.spread(100, 20_000), () => {
      door.isDown = false;
    });
  }

  /** As a self-hosted edge restarts: it says so, leaves answers a while, closes, and is away for some seconds. */
  #deploy(): void {
    const { door, host, kernel, root } = this.#world;
    host.call((home) => void home.goAway()).catch(unlessLost);
    kernel.plan(root, this.#random.spread(50, 10_000), () => {
      host.call((home) => void home.restart()).catch(unlessLost);
      door.isDown = true;
      kernel.plan(root, 300, () => host.restart());
      kernel.plan(root, this.#random.spread(500, 10_000), () => {
        door.isDown = false;
      });
    });
  }

  #crash(): void {
    const id = this.#anyMachine();
    const agent = this.#world.agents.find(({ machine }) => machine.id === id);
    if (!agent) return;
    this.#world.killAgent(agent);
    this.#startAgain(id);
  }

  #stop(): void {
    const id = this.#anyMachine();
    const agent = this.#world.agents.find(({ machine }) => machine.id === id);
    if (!agent) return;
    agent.stop(this.#random.pick([250, 10_000]));
    const { kernel, root } = this.#world;
    kernel.plan(root, this.#random.spread(500, 5_000), () => {
      if (agent.process.alive) this.#world.killAgent(agent);
      this.#startAgain(id);
    });
  }

  /** After a while, or never before the trouble is over. */
  #startAgain(id: string): void {
    const { kernel, plan, root } = this.#world;
    for (let n = 0; n < plan.agents; n++) {
      if (machineOf(n).id === id) kernel.plan(root, this.#random.spread(50, 20_000), () => this.#startIfNone(n));
    }
  }

  #startIfNone(n: number): void {
    if (!this.#world.agents.some(({ machine }) => machine.id === machineOf(n).id)) this.#world.startAgent(n);
  }

  #revoke(): void {
    const id = this.#anyMachine();
    const { door } = this.#world;
    if (this.#random.chance(0.6)) return this.#revokeNow(id);
    // Where it can hurt: while the machine dials.
    door.onLookup = (dialled) => {
      if (dialled !== id) return;
      door.onLookup = () => undefined;
      this.#revokeNow(id);
    };
    this.#anyWireOf(id)?.cut();
  }

  #revokeNow(id: string): void {
    const { kernel, root } = this.#world;
    this.#world.revoke(id).catch(unlessLost);
    kernel.plan(root, this.#random.spread(10, 20_000), () => {
      if (!this.#world.door.isRevoked(id)) return;
      this.#world.restore(id);
      // Its process has given up; its owner starts it again.
      for (const agent of this.#world.agents.filter(({ machine }) => machine.id === id)) this.#world.killAgent(agent);
      this.#startAgain(id);
    });
  }

  #drain(): void {
    const id = this.#anyMachine();
    const world = this.#world;
    world.drain(id, true).catch(unlessLost);
    world.kernel.plan(world.root, this.#random.spread(100, 20_000), () => {
      world.drain(id, false).catch(unlessLost);
    });
  }

  /** The same machine's agent is started a second time. */
  #twin(): void {
    this.#world.startAgent(this.#random.int(0, this.#world.plan.agents - 1));
  }
}

/** Who asks: people, who have no limits, and keys, which have. */
export const UNLIMITED: Caller = {
  id: "person",
  version: 0,
  limits: { requestsPerMinute: null, tokensPerDay: null, nodeSecondsPerDay: null },
};
export const LIMITED: readonly [Caller, ...Caller[]] = [
  { id: "key-pace", version: 1, limits: { requestsPerMinute: 3, tokensPerDay: null, nodeSecondsPerDay: null } },
  { id: "key-tokens", version: 1, limits: { requestsPerMinute: null, tokensPerDay: 700, nodeSecondsPerDay: null } },
  { id: "key-time", version: 1, limits: { requestsPerMinute: null, tokensPerDay: null, nodeSecondsPerDay: 20 } },
];

/** Who asked the object for something hears that it was lost: they would ask again. */
function unlessLost(error: unknown): void {
  if (!(error instanceof TypeError && error.message === "Network connection lost.")) throw error;
}
