import { spawn } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SHAPES, writeSyntheticModel } from "../bench/synthetic-model.ts";
import { createMemoryLimit, type MemoryLimit } from "../support/memory-limit.ts";
import { memoryOfTree } from "../support/process-memory.ts";

/**
 * Runs the whole product (edge, agent, the model's process) in the memory of a small machine, and says what it took:
 *   node test/campaign/small-machine.ts [--limit-mib 2048] [--synthetic] [--quantization int8] [--questions 3]
 * The kernel holds it to the limit in a cgroup of its own; where none can be made, a watch on the sum of all processes does.
 */
const { values } = parseArgs({
  options: {
    "limit-mib": { type: "string", default: "2048" },
    synthetic: { type: "boolean", default: false },
    quantization: { type: "string" },
    questions: { type: "string", default: "2" },
    port: { type: "string", default: "18987" },
  },
});
const MIB = 1024 ** 2;
const limitBytes = Number(values["limit-mib"]) * MIB;
const POLL_MS = 250;

const root = fileURLToPath(new URL("../..", import.meta.url));
const data = await mkdtemp(join(tmpdir(), "porchlight-small-"));
const limit = createMemoryLimit(limitBytes);
console.log(
  `Limit ${values["limit-mib"]} MiB, ${limit ? "held by the kernel (cgroup)" : "held by a watch: no cgroup can be made"}`,
);
try {
  const model = values.synthetic ? await writeModel(join(data, "models", "synthetic-135m")) : undefined;
  for (let i = 0; i < Number(values.questions); i++) await ask(limit, model, `Question ${i + 1}: what can you do?`);
} finally {
  limit?.remove();
  await rm(data, { recursive: true, force: true });
}

/** SmolLM2 135M's shape with generated weights, which read the starter's tokens. */
async function writeModel(folder: string): Promise<string> {
  await writeSyntheticModel(folder, SHAPES["135M"]);
  const starter = join(root, "node-agent/models/starter");
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    await copyFile(join(starter, name), join(folder, name));
  return folder;
}

/** One start of everything, one answer, one end. */
async function ask(group: MemoryLimit | undefined, model: string | undefined, text: string): Promise<void> {
  const args = [
    "node-agent/cli.ts",
    "up",
    "--data",
    data,
    "--port",
    values.port,
    "--local-port",
    String(Number(values.port) + 1),
    "--ask",
    text,
  ];
  if (model !== undefined) args.push("--model", model);
  if (values.quantization !== undefined) args.push("--quantization", values.quantization);
  const startedAt = performance.now();
  // The shell joins the group before it becomes the command: so does all that the command starts.
  const enter = group === undefined ? "" : 'echo $$ > "$0" && ';
  const child = spawn("sh", ["-c", `${enter}exec "$@"`, group?.procs ?? "sh", process.execPath, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let answer = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    answer += piece;
  });
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "?"));
  });
  const watched = watch(child.pid ?? 0, exited);
  const outcome = await exited;
  const peak = await watched;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `\nexit ${outcome} after ${seconds} s; answer of ${answer.trim().length} characters: ${answer.trim().slice(0, 72)}`,
  );
  console.log(`peak of all processes ${mib(peak.bytes)} (${mib(peak.privateBytes)} of it no file's)`);
  for (const [name, bytes] of [...peak.byName].toSorted((a, b) => b[1] - a[1])) console.log(`  ${mib(bytes)}  ${name}`);
  if (group)
    console.log(
      `cgroup: at most ${mib(group.peakBytes())} with page cache, ${group.killed()} processes killed for memory`,
    );
  if (outcome !== 0) process.exitCode = 1;
}

/** Looks at all processes until the first one ends; kills it when they pass a limit that the kernel does not hold. */
async function watch(pid: number, exited: Promise<unknown>) {
  const peak = { bytes: 0, privateBytes: 0, byName: new Map<string, number>() };
  const ended = exited.then(() => true);
  while (!(await Promise.race([ended, sleep(POLL_MS, false)]))) {
    const all = memoryOfTree(pid);
    const sum = all.reduce((total, { bytes }) => total + bytes, 0);
    if (sum > peak.bytes) {
      peak.bytes = sum;
      peak.byName = new Map(all.map(({ name, pid: id, bytes }) => [`${name} (${id})`, bytes]));
    }
    peak.privateBytes = Math.max(
      peak.privateBytes,
      all.reduce((total, { privateBytes }) => total + privateBytes, 0),
    );
    if (limit === undefined && sum > limitBytes) {
      console.log(`Over the limit: ${mib(sum)}.`);
      process.kill(pid, "SIGTERM");
    }
  }
  return peak;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
