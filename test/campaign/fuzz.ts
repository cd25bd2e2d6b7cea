import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FUZZ_TARGETS } from "../support/fuzz-targets.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import { type FuzzJob, fuzzReportSchema } from "./fuzz-job.ts";

/**
 * Reads damaged files of every kind for as long as it is told: `node test/campaign/fuzz.ts --minutes 10`. Each case must give a result or a
 * named error, in time, without a crash of its process. A case that does not is printed with what runs it again:
 * `--only TARGET --seed SEED --case NUMBER`. The exit code is then 1.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    only: { type: "string" },
    case: { type: "string" },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error("--minutes takes a number above 0.");
const targets = FUZZ_TARGETS.filter(({ name }) => values.only === undefined || name === values.only);
if (targets.length === 0) throw new Error(`--only takes one of: ${FUZZ_TARGETS.map(({ name }) => name).join(", ")}.`);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const only = values.case === undefined ? undefined : Number(values.case);

/** A case takes some milliseconds. Rules that would not end are ended after one second, for each of a case's four texts; templates after five. */
const CASE_LIMIT_MS = 20_000;
/** A target with so many findings needs no more. */
const MOST_FINDINGS = 5;

interface Tally {
  read: number;
  refused: number;
  findings: string[];
  slowest: { ms: number; index: number };
}

/** Runs cases in a process of their own until the time is over or it ended; returns the case to go on with. */
async function runChild(job: FuzzJob, tally: Tally, untilMs: number): Promise<number> {
  const child = fork(fileURLToPath(new URL("./fuzz-child.ts", import.meta.url)), {
    execArgv: ["--max-old-space-size=2048"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const state = { index: job.from, startedMs: performance.now() };
  child.on("message", (message) => {
    const report = fuzzReportSchema.parse(message);
    const ms = performance.now() - state.startedMs;
    // The first has the start of the process in its time.
    if (report.index !== job.from && ms > tally.slowest.ms) tally.slowest = { ms, index: state.index };
    if (report.finding === undefined) tally[report.outcome]++;
    else tally.findings.push(`case ${report.index}: ${report.finding}`);
    state.index = report.index + 1;
    state.startedMs = performance.now();
    if (performance.now() > untilMs || tally.findings.length >= MOST_FINDINGS) child.kill("SIGKILL");
  });
  const watch = setInterval(() => stopIfSlow(child, state, tally), 500);
  child.send(job);
  const [code, signal] = await once(child, "exit");
  clearInterval(watch);
  if (signal !== "SIGKILL" && code !== 0) {
    tally.findings.push(`case ${state.index}: the process ended with ${signal ?? code}`);
    return state.index + 1;
  }
  return state.index;
}

/** Runs one target until its part of the time is over, in as many processes as that takes; or one case of it. */
async function fuzz(target: string, tally: Tally): Promise<void> {
  await using folder = await temporaryFolder();
  const job = { target, folder: folder.path, seed };
  const untilMs = performance.now() + (minutes * 60_000) / targets.length;
  if (only !== undefined) {
    await runChild({ ...job, from: only, count: 1 }, tally, untilMs);
    return;
  }
  let from = 0;
  while (performance.now() < untilMs && tally.findings.length < MOST_FINDINGS) {
    from = await runChild({ ...job, from, count: Number.MAX_SAFE_INTEGER }, tally, untilMs);
  }
}

function stopIfSlow(child: ChildProcess, state: { index: number; startedMs: number }, tally: Tally): void {
  if (performance.now() - state.startedMs < CASE_LIMIT_MS) return;
  tally.findings.push(`case ${state.index}: not done after ${CASE_LIMIT_MS / 1000} s`);
  state.index++;
  child.kill("SIGKILL");
}

let failed = false;
const total = { read: 0, refused: 0, findings: 0 };
for (const { name } of targets) {
  const tally: Tally = { read: 0, refused: 0, findings: [], slowest: { ms: 0, index: 0 } };
  await fuzz(name, tally);
  const { read, refused, findings, slowest } = tally;
  console.log(
    `${name.padEnd(26)}${read} read, ${refused} refused by name, ${findings.length} findings; slowest ${Math.round(slowest.ms)} ms (case ${slowest.index})`,
  );
  for (const finding of findings)
    console.log(`  --only ${name} --seed ${seed} --case ${finding.replace(/^case /u, "")}`);
  total.read += read;
  total.refused += refused;
  total.findings += findings.length;
  failed ||= findings.length > 0;
}
console.log(`${total.read} read, ${total.refused} refused by name, ${total.findings} findings (seed ${seed})`);
if (failed) process.exitCode = 1;
