import { parseArgs } from "node:util";
import { createRandom } from "../../node-agent/engine/random.ts";
import { type Interruption, interruptPull, killReplacement, PART_BYTES } from "../support/hub-interruptions.ts";

/** Interrupts pulls at random, 20 to a model: `node test/campaign/pull.ts [--interruptions 100] [--seed N]`. Exits 1 at a finding. */
const { values } = parseArgs({
  options: { interruptions: { type: "string", default: "100" }, seed: { type: "string", default: String(Date.now()) } },
});
const KINDS: readonly Interruption[] = ["drop", "stop", "kill"];
const random = createRandom(Number(values.seed));
let left = Number(values.interruptions);
let worst = 0;
let models = 0;
let findings = 0;
const counts: Record<Interruption, number> = { drop: 0, stop: 0, kill: 0 };
while (left > 0) {
  const kinds = Array.from({ length: Math.min(20, left) }, () => KINDS[Math.floor(random() * KINDS.length)] ?? "drop");
  const { wasted, different, seenEarly } = await interruptPull(random, kinds);
  for (const kind of kinds) counts[kind] += 1;
  worst = Math.max(worst, ...wasted);
  if (Math.max(...wasted) > PART_BYTES || different.length > 0 || seenEarly.length > 0) {
    findings += 1;
    process.stdout.write(`finding: ${JSON.stringify({ kinds, wasted, different, seenEarly })}\n`);
  }
  left -= kinds.length;
  models += 1;
}
const replacements = Math.ceil(Number(values.interruptions) / 4);
for (let round = 0; round < replacements; round++) {
  const wrong = await killReplacement(random);
  if (wrong.length === 0) continue;
  findings += 1;
  process.stdout.write(`finding: a killed replacement left wrong files: ${wrong.join(", ")}\n`);
}
process.stdout.write(
  `${models} models, interrupted ${JSON.stringify(counts)} (seed ${values.seed}): at most ${worst} bytes again for one interruption, a part has ${PART_BYTES}; ${replacements} replacements killed; ${findings} findings\n`,
);
process.exitCode = findings > 0 ? 1 : 0;
