import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { quantile } from "../bench/statistics.ts";
import { createRandom } from "../../node-agent/engine/random.ts";
import { readThrough } from "../support/clients/resuming.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/**
 * Kills edge, agent and model process of a real stack at random moments, by SIGKILL, while clients read streamed answers:
 * `node test/campaign/restarts.ts [--clients 50] [--restarts 20] [--pause-ms 4000] [--kinds edge,agent,model] [--temperature 0] [--seed N]`. Each client goes on behind the last event
 * it has, and asks the next question once its answer is whole. Every answer must be equal to the one that nothing disturbed. Exits 1 at
 * a finding. Weights are fp32: quantised ones round by what else is in the batch. With a temperature a model that goes on behind another
 * process's tokens may choose otherwise where two are nearly as likely: it computes them in one go, and so rounds otherwise.
 */
const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "50" },
    restarts: { type: "string", default: "20" },
    kinds: { type: "string", default: "edge,agent,model" },
    "pause-ms": { type: "string", default: "4000" },
    temperature: { type: "string", default: "0" },
    seed: { type: "string", default: String(Date.now()) },
  },
});
const random = createRandom(Number(values.seed));
const clients = Number(values.clients);
const restarts = Number(values.restarts);
const QUESTIONS = ["Who are you?", "What can you do?", "Tell me a story.", "Hello!", "How do I start?"];

/** Questions whose answers are long. */
const bodies = QUESTIONS.map((content, seed) => ({
  model: "starter",
  messages: [{ role: "user", content }],
  repetition_penalty: 10,
  temperature: Number(values.temperature),
  seed,
  max_tokens: 200,
}));

const stack = await startStack({}, { quantization: "fp32" });
const edge = { origin: stack.origin, apiKey: stack.apiKey };
const expected: string[] = [];
for (const body of bodies) expected.push((await readThrough(edge, body)).text);

const findings: string[] = [];
const reconnectsMs: number[] = [];
let answers = 0;
let lost = 0;
const stopping = new AbortController();

async function client(index: number): Promise<void> {
  for (let round = 0; !stopping.signal.aborted || round === 0; round++) {
    const which = (index + round) % bodies.length;
    const answer = await readThrough(edge, bodies[which] ?? {}).catch((error: unknown) => String(error));
    if (typeof answer === "string") {
      findings.push(answer);
      continue;
    }
    answers += 1;
    lost += answer.reconnectsMs.length > 0 ? 1 : 0;
    reconnectsMs.push(...answer.reconnectsMs);
    const whole = expected[which] ?? "";
    if (answer.text !== whole)
      findings.push(`${answer.id}: another answer than undisturbed ${difference(whole, answer.text)}`);
    if (answer.numbers.some((number, at) => number !== at))
      findings.push(`${answer.id}: events are missing or doubled`);
  }
}

const began = performance.now();
const all = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
const killed = { edge: 0, agent: 0, model: 0 };
// Object.keys loses the keys' type.
const kinds = (Object.keys(killed) as (keyof typeof killed)[]).filter((kind) => values.kinds.split(",").includes(kind));
for (let done = 0; done < restarts; ) {
  await sleep(Number(values["pause-ms"]) * (0.5 + random()));
  const kind = kinds[Math.floor(random() * kinds.length)] ?? "edge";
  if (!(await kill(stack, kind))) continue; // It is still on its way back.
  killed[kind] += 1;
  done += 1;
}
stopping.abort();
await all;
const seconds = (performance.now() - began) / 1000;
await stack.stop();

const reconnects =
  reconnectsMs.length === 0
    ? "none"
    : `median ${quantile(reconnectsMs, 0.5).toFixed(0)} ms, p95 ${quantile(reconnectsMs, 0.95).toFixed(0)} ms, longest ${Math.max(...reconnectsMs).toFixed(0)} ms`;
process.stdout.write(
  `seed ${values.seed}: ${clients} clients, ${seconds.toFixed(0)} s; killed: ${JSON.stringify(killed)}\n` +
    `${answers} answers whole, ${lost} of them over a lost connection; ${reconnectsMs.length} reconnects: ${reconnects}\n` +
    `${findings.length} findings\n${findings.map((finding) => `  ${finding}\n`).join("")}`,
);
process.exitCode = findings.length === 0 ? 0 : 1;

/** Where two texts part, with what each has there. */
function difference(whole: string, found: string): string {
  let at = 0;
  while (at < whole.length && whole[at] === found[at]) at += 1;
  const near = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 30), at + 40));
  return `from character ${at} of ${whole.length} on: ${near(whole)}, ${near(found)}`;
}

/** SIGKILL; who supervises it starts it again. Returns whether there was such a process. */
async function kill({ stack: { edge: edgeProcess, agent } }: TestStack, kind: keyof typeof killed): Promise<boolean> {
  const pids = {
    edge: edgeProcess.pid,
    agent: agent.pid,
    model: kind === "model" ? await childOf(agent.pid) : undefined,
  };
  const pid = pids[kind];
  if (pid === undefined) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // It is just being started again.
  }
}

async function childOf(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined;
  const { stdout } = await promisify(execFile)("pgrep", ["-P", String(pid)]).catch(() => ({ stdout: "" }));
  const [first = ""] = stdout.trim().split("\n");
  return first === "" ? undefined : Number(first);
}
