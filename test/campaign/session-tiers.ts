// Random histories of conversations between their tiers, with crashes at every step: many more than 'npm test' has time for.
//   node test/campaign/session-tiers.ts [--histories 10000] [--steps 90] [--seed N]
// The code is the product's, over the SQLite of Node in the shape of a Durable Object's.
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { VirtualSql } from "../sim/edge/sql.ts";

interface History {
  world: { crashes: number; steps: number; calls: ReadonlyMap<string, number> };
  run(steps: readonly unknown[]): Promise<void>;
}

interface HistoryModule {
  stepArbitrary: fc.Arbitrary<unknown>;
  TierHistory: new (sql: VirtualSql, commit: <T>(step: () => T) => T) => History;
}

const { values } = parseArgs({
  options: {
    histories: { type: "string", default: "10000" },
    steps: { type: "string", default: "90" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});

// The edge's modules are written for the types of workerd, which this program is not checked against: so by its address.
const address = new URL("../edge/home/sessions/tier-history.ts", import.meta.url).href;
const { stepArbitrary, TierHistory } = (await import(address)) as HistoryModule;

const histories = Number(values.histories);
let done = 0;
let crashes = 0;
let steps = 0;
const calls = new Map<string, number>();
const began = performance.now();
const property = fc.asyncProperty(
  fc.array(stepArbitrary, { minLength: 20, maxLength: Number(values.steps), size: "max" }),
  async (plan) => {
    const sql = new VirtualSql();
    try {
      const history = new TierHistory(sql, (step) => sql.transactionSync(step));
      await history.run(plan);
      crashes += history.world.crashes;
      steps += history.world.steps;
      for (const [name, count] of history.world.calls) calls.set(name, (calls.get(name) ?? 0) + count);
    } finally {
      sql.close();
    }
    done += 1;
    if (done % 1000 === 0) process.stdout.write(`${done} histories\n`);
  },
);
process.stdout.write(`seed ${values.seed}\n`);
await fc.assert(property, { numRuns: histories, seed: Number(values.seed) });
const seconds = ((performance.now() - began) / 1000).toFixed(1);
process.stdout.write(
  `${done} histories, ${steps} steps between the tiers, ${crashes} crashes in ${seconds} s: ` +
    "no turn lost, none doubled, nothing deleted came back\n",
);
process.stdout.write(`calls: ${[...calls].map(([name, count]) => `${name} ${count}`).join(", ")}\n`);
