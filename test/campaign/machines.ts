import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { SupervisedEdge } from "../../node-agent/commands/supervised-edge.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { quantile } from "../bench/statistics.ts";
import { output, start } from "../support/command.ts";
import { LONG_WINDED } from "../support/long-winded.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import { freePort } from "../support/stack.ts";

/**
 * One real edge and up to three real agents, each `porchlight connect` with a folder of its own and the starter model, on one thread:
 * `node test/campaign/machines.ts [--at-once 12] [--tokens 200] [--conversations 12] [--parts throughput,affinity,kill]`. What several give over one, what it is worth to
 * keep a conversation on its machine, and what is left of the answers when a machine is killed. Exits 1 at a finding.
 */
const { values } = parseArgs({
  options: {
    "at-once": { type: "string", default: "12" },
    tokens: { type: "string", default: "200" },
    conversations: { type: "string", default: "12" },
    parts: { type: "string", default: "throughput,affinity,kill" },
  },
});
const atOnce = Number(values["at-once"]);
const tokens = Number(values.tokens);
const parts = new Set(values.parts.split(","));
const SETUP_TOKEN = "campaign";

const agentsSchema = z.object({
  agents: z.array(z.object({ id: z.string(), name: z.string(), online: z.boolean(), running: z.number() })),
});
const chunkSchema = z.object({
  choices: z.array(
    z.object({ delta: z.object({ content: z.string().optional() }), finish_reason: z.string().nullish() }),
  ),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
});

interface Answer {
  text: string;
  /** Of OpenAI's form; null when the answer did not come to its end. */
  finish: string | null;
  tokens: number;
  firstMs: number;
  tookMs: number;
}
interface Message {
  role: "user" | "assistant";
  content: string;
}
interface AgentProcess {
  id: string;
  child: ChildProcess;
}

const WAYS = {
  elsewhere: "failover on",
  restart: "failover off, agent started again",
  queued: "failover on, with a queue",
};
const findings: string[] = [];
await buildEdgeIfNeeded();
await using root = await temporaryFolder();
const folder = dataFolder(root.path);
const edge = new SupervisedEdge(
  { stateDir: folder.edge, port: await freePort(), setupToken: SETUP_TOKEN },
  {
    onDeath: ({ reason }) => findings.push(`the edge died: ${reason}`),
  },
);
const origin = await edge.start();
const owner = await ensureOwner(origin, SETUP_TOKEN, folder.owner);
const agents: AgentProcess[] = [];
try {
  for (let count = 1; count <= 3; count++) {
    agents.push(await pairAgent(count));
    if (parts.has("throughput")) await throughput(count);
  }
  if (parts.has("affinity")) await affinity();
  if (parts.has("kill")) await kill();
} finally {
  for (const { child } of agents) end(child);
  await edge.stop();
}
for (const finding of findings) say(`finding: ${finding}`);
process.exitCode = findings.length > 0 ? 1 : 0;

/** Pairs a machine with a folder of its own. */
async function pairAgent(number: number): Promise<AgentProcess> {
  const known = new Set((await listed()).map(({ id }) => id));
  const child = await startAgent(number, await owner.pairingUrl());
  const paired = (await listed()).find(({ id }) => !known.has(id));
  if (paired === undefined) throw new Error("the agent did not pair");
  return { id: paired.id, child };
}

/** Starts `porchlight connect`; resolves once it is online and its model has been tried. */
async function startAgent(number: number, ...link: string[]): Promise<ChildProcess> {
  const data = join(root.path, `agent-${number}`);
  const port = String(await freePort());
  const child = start([
    "connect",
    ...link,
    "--data",
    data,
    "--local-port",
    port,
    "--threads",
    "1",
    "--canary-every",
    "0",
  ]);
  await output(child, /answers with|model answers\./);
  return child;
}

/** Different questions at once, long answers: four times, and the last three count. */
async function throughput(count: number): Promise<void> {
  const round = async (): Promise<[Answer[], number]> => {
    const began = performance.now();
    const asked = Array.from({ length: atOnce }, (_, n) =>
      ask(question(n), { ...LONG_WINDED, seed: n, max_tokens: tokens }),
    );
    return [await Promise.all(asked), performance.now() - began];
  };
  await round();
  const rounds = [await round(), await round(), await round()];
  const rates = rounds.map(([answers, tookMs]) => (answers.reduce((sum, one) => sum + one.tokens, 0) / tookMs) * 1000);
  const perSecond = quantile(rates, 0.5);
  const answers = rounds.flatMap(([all]) => all);
  check(answers);
  const last = answers.map((one) => one.tookMs);
  say(
    `${count} agent${count > 1 ? "s" : ""}, ${atOnce} at once: ${perSecond.toFixed(0)} tokens/s; first token median ` +
      `${ms(answers.map(({ firstMs }) => firstMs))}, whole answer median ${ms(last)}, slowest ${Math.max(...last).toFixed(0)} ms`,
  );
}

/** The time to the second turn's first token: on the machine of the first turn, and where that one is out of service. */
async function affinity(): Promise<void> {
  const kept: number[] = [];
  const moved: number[] = [];
  for (let n = 0; n < Number(values.conversations); n++) {
    const isKept = n % 2 === 0;
    const document = `Story ${n}. ${"The quick brown fox jumps over the lazy dog. ".repeat(45)}`;
    const turn: Message[] = [{ role: "user", content: `Remember this: ${document}` }];
    let servedBy: string | undefined;
    const answer = await ask(turn, { ...LONG_WINDED, max_tokens: 60 }, async () => {
      servedBy = (await listed()).find(({ running }) => running > 0)?.id;
    });
    if (servedBy === undefined) throw new Error("nobody is said to be at the answer");
    if (!isKept) await drain("POST", servedBy);
    turn.push({ role: "assistant", content: answer.text || "Yes." }, { role: "user", content: "Who jumps?" });
    const second = await ask(turn, { ...LONG_WINDED, max_tokens: 16 });
    check([answer, second]);
    (isKept ? kept : moved).push(second.firstMs);
    if (!isKept) await drain("DELETE", servedBy);
  }
  say(`second turn's first token: median ${ms(kept)} on the machine of the first turn, ${ms(moved)} on another`);
  if (!(quantile(kept, 0.5) < quantile(moved, 0.5)))
    findings.push("keeping a conversation on its machine is worth nothing");
}

/**
 * Kills one agent while all have work, in three ways: an answer that has begun may go on elsewhere; it may not, and its machine comes back;
 * more is asked than all take at once, so that some answers have not begun. Every answer has to be whole.
 */
async function kill(): Promise<void> {
  const settings = (n: number) => ({ ...LONG_WINDED, seed: n, max_tokens: 400 });
  const undisturbed = await Promise.all(range(atOnce).map((n) => ask(question(n), settings(n))));
  check(undisturbed);
  for (const way of ["elsewhere", "restart", "queued"] as const) {
    const begun = new Set<number>();
    const count = way === "queued" ? atOnce * 2 : atOnce;
    const failover = way === "restart" ? "off" : "on";
    const asked = range(count).map((n) => ask(question(n), settings(n), () => void begun.add(n), failover));
    while (begun.size < atOnce) await new Promise((resolve) => setTimeout(resolve, 20));
    // The one with the most to do.
    const [{ id, running: its } = { id: "", running: 0 }] = (await listed()).toSorted((a, b) => b.running - a.running);
    const victim = agents.find((agent) => agent.id === id);
    if (victim === undefined || its === 0) throw new Error("the agent to be killed has nothing to do");
    end(victim.child);
    const killed = performance.now();
    const waiting = count - begun.size;
    if (way === "restart") victim.child = await startAgent(agents.indexOf(victim) + 1);
    const answers = await Promise.all(asked);
    const whole = answers.filter(({ finish }) => finish !== null).length;
    const equal = answers.slice(0, atOnce).filter(({ text }, n) => text === undisturbed[n]?.text).length;
    say(
      `${WAYS[way]}: killed with kill -9 while at ${its} of ${count} answers (${waiting} of all had not begun): ${whole} are whole, ` +
        `${equal} of the first ${atOnce} equal to the undisturbed ones; the last came ${((performance.now() - killed) / 1000).toFixed(1)} s later`,
    );
    check(answers);
    if (way !== "restart") victim.child = await startAgent(agents.indexOf(victim) + 1);
  }
}

function question(n: number): Message[] {
  return [{ role: "user", content: `Question ${n}: tell me a story about the number ${n * 37 + 11}.` }];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

function check(answers: readonly Answer[]): void {
  const broken = answers.filter(({ finish }) => finish === null).length;
  if (broken > 0) findings.push(`${broken} of ${answers.length} answers are not whole`);
}

async function ask(
  messages: Message[],
  settings: object,
  onFirst?: () => unknown,
  failover: "on" | "off" = "off",
): Promise<Answer> {
  const asked = performance.now();
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: { ...headers(), "porchlight-failover": failover },
    body: JSON.stringify({
      model: "starter",
      messages,
      stream: true,
      stream_options: { include_usage: true },
      ...settings,
    }),
  });
  const answer: Answer = { text: "", finish: null, tokens: 0, firstMs: 0, tookMs: 0 };
  if (!response.ok || response.body === null)
    throw new Error(`asking answered ${response.status}: ${await response.text()}`);
  let rest = "";
  try {
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const chunk = line.startsWith("data: {") ? chunkSchema.safeParse(JSON.parse(line.slice(6))).data : undefined;
        answer.tokens = chunk?.usage?.completion_tokens ?? answer.tokens;
        const [choice] = chunk?.choices ?? [];
        answer.finish = choice?.finish_reason ?? answer.finish;
        const content = choice?.delta.content ?? "";
        if (content === "") continue;
        if (answer.text === "") {
          answer.firstMs = performance.now() - asked;
          await onFirst?.();
        }
        answer.text += content;
      }
    }
  } catch (error) {
    findings.push(`a connection broke: ${String(error)}`);
  }
  return { ...answer, tookMs: performance.now() - asked };
}

async function listed(): Promise<z.infer<typeof agentsSchema>["agents"]> {
  return agentsSchema.parse(await (await fetch(`${origin}/api/agents`, { headers: headers() })).json()).agents;
}

async function drain(method: "POST" | "DELETE", id: string): Promise<void> {
  const response = await fetch(`${origin}/api/agents/${id}/drain`, { method, headers: headers() });
  if (!response.ok) throw new Error(`draining answered ${response.status}`);
}

function headers(): Record<string, string> {
  return { authorization: `Bearer ${owner.apiKey}`, "content-type": "application/json" };
}

/** Kills an agent and the processes of its models: they are a group of their own. */
function end({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
}

function ms(samples: readonly number[]): string {
  return `${quantile(samples, 0.5).toFixed(0)} ms`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
