import { isSettled } from "./endings.ts";
import { machineOf } from "../agent/agent-process.ts";
import type { MachineState } from "../edge/product.ts";
import { Violation } from "../kernel/kernel.ts";
import { liveSessions } from "../probes.ts";
import type { World } from "../world.ts";

/** What must hold once nobody wants anything any more: nothing is left of what was under way. Throws a Violation. */
export function checkAtRest(world: World): void {
  for (const outcome of world.outcomes) {
    if (outcome.ended === "running") throw new Violation(`${outcome.requestId} never ended`);
  }
  for (const job of world.jobs) {
    if (!isSettled(job)) throw new Violation(`the job ${job.script.id} is ${job.state} for ever`);
  }
  for (const { requestId, ended } of world.embeddings) {
    if (ended === undefined) throw new Violation(`${requestId} never ended`);
  }
  if (world.host.hops > 0) throw new Violation(`${world.host.hops} requests to the object are left`);
  for (const { process, busy } of world.agents) {
    if (busy.size > 0) throw new Violation(`${process.name} still works on ${[...busy].join(", ")}`);
  }
  for (const probed of liveSessions()) {
    const { session, process, connectionCreditBytes } = probed;
    if (session.streamCount > 0) throw new Violation(`${process.name} has ${session.streamCount} streams left`);
    const missing = connectionCreditBytes - probed.sendCreditBytes();
    if (missing !== 0) throw new Violation(`${process.name} misses ${missing} bytes of credit`);
  }
  if (world.host.isAwake && !world.host.evict()) throw new Violation("the object cannot be evicted: a timer is left");
}

/** Trouble leaves no traces: every machine is there and takes work. Throws a Violation. */
export function checkMachines(world: World, machines: readonly MachineState[]): void {
  for (let n = 0; n < world.plan.agents; n++) {
    const { id } = machineOf(n);
    if (world.asleep.has(id)) continue;
    const state = machines.find((machine) => machine.id === id);
    if (state?.online !== true) throw new Violation(`${id} did not come back`);
    if (state.draining || world.isDraining(id)) throw new Violation(`${id} stays out of service`);
  }
}
