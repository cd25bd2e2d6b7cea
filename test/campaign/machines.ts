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
 * `node test/campaign/machines.ts [--at-once 12] [--tokens 200] [--conversations 12]`. What several give over one, what it is worth to
 * keep a conversation on its machine, and what is left of the answers when a machine is killed. Exits 1 at a finding.
 */
const { values } = parseArgs({
  options: {
    "at-once": { type: "string", default: "12" },
    tokens: { type: "string", default: "200" },
    conversations: { type: "string", default: "12" },
  },
});
const atOnce = Number(values["at-once"]);
const tokens = Number(values.tokens);
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

const findings: string[] = [];
await buildEdgeIfNeeded();
await using root = await temporaryFolder();
const folder = dataFolder(root.path);
const edge = new SupervisedEdge({ stateDir: folder.edge, port: await freePort(), setupToken: SETUP_TOKEN });
const origin = await edge.start();
const owner = await ensureOwner(origin, SETUP_TOKEN, folder.owner);
const agents: AgentProcess[] = [];
try {
  for (let count = 1; count <= 3; count++) {
    agents.push(await startAgent(count));
    await throughput(count);
  }
  await affinity();
  await kill();
} finally {
  for (const { child } of agents) end(child);
  await edge.stop();
}
for (const finding of findings) say(`finding: ${finding}`);
process.exitCode = findings.length > 0 ? 1 : 0;

/** Starts `porchlight connect` on a folder of its own; resolves once its model has been tried. */
async function startAgent(number: number): Promise<AgentProcess> {
  const known = new Set((await listed()).map(({ id }) => id));
  const data = join(root.path, `agent-${number}`);
  const port = String(await freePort());
  const link = await owner.pairingUrl();
  const child = start(["connect", link, "--data", data, "--local-port", port, "--threads", "1", "--canary-every", "0"]);
  await output(child, /answers with|model answers\./);
  const paired = (await listed()).find(({ id }) => !known.has(id));
  if (paired === undefined) throw new Error("the agent did not pair");
  return { id: paired.id, child };
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

/** Kills one agent while all have work: the others' answers must not notice. */
async function kill(): Promise<void> {
  const begun = new Set<number>();
  const settings = (n: number) => ({ ...LONG_WINDED, seed: n, max_tokens: 600 });
  const asked = Array.from({ length: atOnce }, (_, n) => ask(question(n), settings(n), () => void begun.add(n)));
  while (begun.size < atOnce) await new Promise((resolve) => setTimeout(resolve, 20));
  const before = await listed();
  const victim = agents.pop();
  const its = before.find(({ id }) => id === victim?.id)?.running ?? 0;
  if (victim === undefined || its === 0) throw new Error("the agent to be killed has nothing to do");
  end(victim.child);
  const answers = await Promise.all(asked);
  const whole = answers.filter(({ finish }) => finish !== null).length;
  say(
    `one of three agents killed with kill -9 while it was at ${its} of ${atOnce} answers: ${whole} answers are whole`,
  );
  if (whole < atOnce - its) findings.push(`${atOnce - its - whole} answers of other machines were touched`);
  const again = await Promise.all(
    asked.map(async (_, n) => await ask(question(n), { ...settings(n), max_tokens: 32 })),
  );
  check(again);
}

function question(n: number): Message[] {
  return [{ role: "user", content: `Question ${n}: tell me a story about the number ${n * 37 + 11}.` }];
}

function check(answers: readonly Answer[]): void {
  const broken = answers.filter(({ finish }) => finish === null).length;
  if (broken > 0) findings.push(`${broken} of ${answers.length} answers are not whole`);
}

async function ask(messages: Message[], settings: object, onFirst?: () => unknown): Promise<Answer> {
  const asked = performance.now();
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: headers(),
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
