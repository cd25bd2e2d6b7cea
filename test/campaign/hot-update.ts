import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { createEngineBackend, type EngineModel } from "../../node-agent/engine/backend.ts";
import { createRandom } from "../../node-agent/engine/random.ts";
import { ask, readAnswer } from "../support/engine-events.ts";
import { starterModel } from "../support/engine-starter.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import { writeStarterVersion } from "../support/starter-versions.ts";

/**
 * Replaces the starter by another version of it, or has it run otherwise, again and again while several callers ask without a pause:
 * `node test/campaign/hot-update.ts [--updates 10] [--callers 4] [--seed N]`. Every answer must be whole and one version's. Exits 1 at a finding.
 */
const { values } = parseArgs({
  options: {
    updates: { type: "string", default: "10" },
    callers: { type: "string", default: "4" },
    seed: { type: "string", default: String(Date.now()) },
  },
});
const random = createRandom(Number(values.seed));
await using folder = await temporaryFolder();
const model = async (version: number): Promise<EngineModel> =>
  starterModel({
    folder: await writeStarterVersion(join(folder.path, `v${version}`), version),
    version: String(version),
    contextLength: 512,
  });
const versions = [await model(1), await model(2), await model(3)];
const [first] = versions;
if (first === undefined) throw new Error("there are three");
const backend = createEngineBackend({ models: [first], cacheDir: join(folder.path, "compiled"), threads: 1 });
const request = () =>
  ask("Hello! Who are you?", { maxTokens: 5 + Math.floor(random() * 60), sampling: { temperature: 0 } });
const never = new AbortController().signal;

/** What each version answers at length: every shorter answer is the beginning of one of these. */
const expected: string[] = [];
for (const version of versions) {
  const alone = createEngineBackend({ models: [version], cacheDir: join(folder.path, "compiled"), threads: 1 });
  expected.push((await readAnswer(alone.generate({ ...request(), maxTokens: 100 }, never))).text);
  await alone.stop();
}

const over = new AbortController();
let answers = 0;
let longestMs = 0;
const findings: string[] = [];
const seen = new Set<number>();
const callers = Array.from({ length: Number(values.callers) }, async () => {
  while (!over.signal.aborted) {
    const start = performance.now();
    const { text, error } = await readAnswer(backend.generate(request(), never));
    longestMs = Math.max(longestMs, performance.now() - start);
    answers += 1;
    const version = expected.findIndex((whole) => whole.startsWith(text));
    if (error !== null) findings.push(error.message);
    else if (version === -1) findings.push(`nobody's answer: ${JSON.stringify(text)}`);
    else seen.add(version);
  }
});
await backend.preload("starter");
longestMs = 0;
let most = 0;
for (let update = 0; update < Number(values.updates); update++) {
  const next = versions[Math.floor(random() * versions.length)] ?? first;
  const contextLength = 300 + Math.floor(random() * 700);
  const settings = { threads: 1 + Math.floor(random() * 2), memoryBytes: 4e9 * (1 + random()), keepAliveMs: 60_000 };
  if (random() < 0.5) backend.setModels([next]);
  else backend.setModels([{ ...next, contextLength }], settings);
  // Sometimes the next one comes before this one is loaded.
  const until = performance.now() + random() * 3_000;
  while (performance.now() < until) {
    most = Math.max(most, backend.processes().length);
    await sleep(20);
  }
}
over.abort();
await Promise.all(callers);
await sleep(2_000);
const left = backend.processes().length;
if (left !== 1) findings.push(`${left} processes are left`);
await backend.stop();
for (const finding of findings.slice(0, 20)) process.stdout.write(`finding: ${finding}\n`);
process.stdout.write(
  `${values.updates} updates under ${values.callers} callers (seed ${values.seed}): ${answers} answers of ${seen.size} versions, the longest took ${Math.round(longestMs)} ms; at most ${most} processes at once; ${findings.length} findings\n`,
);
process.exitCode = findings.length > 0 ? 1 : 0;
