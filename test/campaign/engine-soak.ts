import { join } from "node:path";
import { parseArgs } from "node:util";
import { Scheduler } from "../../node-agent/engine/scheduler.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { quantizationSchema } from "../../shared/inference/model.ts";
import { quantile } from "../bench/statistics.ts";
import { answerAlone, brokenOff, type Job, largestMargin, randomJobs, runJobs } from "../support/engine-schedule.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { STARTER } from "../support/engine-starter.ts";
import { readEvaluation } from "../support/model-starter.ts";
import { temporaryFolder } from "../support/model-temp.ts";

/**
 * Keeps the engine busy with random joins, cancels, answers that go on where they broke off, short and long prompts (`node test/campaign/engine-soak.ts --minutes 15`), and compares
 * every answer with that of one plain request alone: equal with fp32 weights, else chosen among logits that are closer than `--tolerance`. At the
 * end no slot, lease or byte may be left over, and memory has to be flat. The first thing wrong ends it with exit code 1.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "15" },
    quantization: { type: "string", default: "fp32" },
    tolerance: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
  },
});
const quantization = quantizationSchema.parse(values.quantization);
const tolerance = Number(values.tolerance);
const until = performance.now() + Number(values.minutes) * 60_000;
if (!(until > 0 && tolerance > 0)) throw new Error("--minutes and --tolerance take numbers above 0.");

/** Memory may differ by this much between the second and the last quarter of the run. */
const MEMORY_GROWTH = 0.05;
const JOBS_PER_WAVE = 40;

await using folder = await temporaryFolder();
const load = (slots: number) =>
  loadDecoder({ folder: STARTER, quantization, cacheDir: join(folder.path, "compiled"), slots });
const [busy, twin] = [await load(4), await load(1)];
const documents = (await readEvaluation()).documents.map(({ ids }) => ids);
const kvBytes = 1500 * (busy.kv?.bytesPerPosition ?? 0);
const scheduler = new Scheduler(busy, { kvBytes });
const random = seededRandom(Number(values.seed));
const memory: number[] = [];
const seen = { answers: 0, cancelled: 0, resumed: 0, tokens: 0, margin: 0 };

let broken: Job[] = [];
for (let wave = 1; performance.now() < until; wave++) {
  const results = await runJobs(scheduler, [...randomJobs(documents, JOBS_PER_WAVE, random), ...broken]);
  seen.resumed += broken.length;
  broken = brokenOff(results);
  for (const { job, tokens } of results) {
    seen.answers++;
    seen.tokens += tokens.length;
    if (tokens.length === job.cancelAfter) seen.cancelled++;
    if (quantization === "fp32") {
      const alone = await answerAlone(twin, job.prompt, tokens.length);
      if (alone.join() !== tokens.join()) throw new Error(`Wave ${wave}: ${tokens.join()} instead of ${alone.join()}`);
    } else {
      seen.margin = Math.max(seen.margin, await largestMargin(twin, job.prompt, tokens));
      if (seen.margin > tolerance) throw new Error(`Wave ${wave}: a token was ${seen.margin} below the best.`);
    }
  }
  scheduler.checkIntegrity();
  const { slotBytes, prefixBytes } = scheduler.stats();
  if (slotBytes + prefixBytes > kvBytes) throw new Error(`Wave ${wave}: ${slotBytes + prefixBytes} bytes of cache.`);
  memory.push(process.memoryUsage().rss);
  if (wave % 20 === 0)
    console.log(`wave ${wave}: ${seen.answers} answers, ${Math.round((memory.at(-1) ?? 0) / 1e6)} MB`);
}

const quarter = (index: number): number =>
  quantile(memory.slice((memory.length * index) / 4, (memory.length * (index + 1)) / 4), 0.5);
const growth = quarter(3) / quarter(1) - 1;
console.log(
  `${seen.answers} answers (${seen.cancelled} cancelled, ${seen.resumed} resumed), ${seen.tokens} tokens, ${quantization}: ` +
    (quantization === "fp32"
      ? "each equal to its solo run"
      : `no token more than ${seen.margin.toFixed(3)} below the best`),
);
console.log(`resident memory, second to last quarter: ${(growth * 100).toFixed(1)}% (medians)`);
console.log(scheduler.stats());
if (growth > MEMORY_GROWTH) throw new Error("Memory grew.");
await Promise.all([busy.dispose(), twin.dispose()]);
