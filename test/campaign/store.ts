import { killStore, SCENARIOS } from "../support/store-kill.ts";

/** Kills every way in which a model store changes before each of its changes of the disk: `node test/campaign/store.ts`. Exits 1 at a finding. */
let kills = 0;
let findings = 0;
for (const scenario of SCENARIOS) {
  for (let step = 1; ; step++) {
    const { killed, findings: found } = await killStore(scenario, step);
    for (const finding of found) process.stdout.write(`finding: ${JSON.stringify({ ...scenario, step, finding })}\n`);
    findings += found.length;
    if (!killed) {
      process.stdout.write(`${scenario.operation} (${scenario.before} before): ${step - 1} steps\n`);
      break;
    }
    kills += 1;
  }
}
process.stdout.write(
  `${SCENARIOS.length} changes of a store, killed ${kills} times, once before each step: ${findings} findings\n`,
);
process.exitCode = findings > 0 ? 1 : 0;
