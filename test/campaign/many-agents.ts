import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ensureOwner } from "../../node-agent/commands/owner.ts";
import { SupervisedEdge } from "../../node-agent/commands/supervised-edge.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import { quantile } from "../bench/statistics.ts";
import { temporaryFolder } from "../support/model-temp.ts";
import { memoryOfTree } from "../support/process-memory.ts";
import { freePort } from "../support/stack.ts";

/**
 * One real edge process, many agents over real WebSockets with the real protocol session (a scripted engine), streams on all of them at
 * once: `node test/campaign/many-agents.ts [--agents 200] [--streams 4] [--events 100] [--interval 200]`. Every answer has to be whole, every
 * agent to get its share; then a client that asks for a large answer and reads none of it may cost no more than is allowed. Exits 1 at a finding.
 */
const { values } = parseArgs({
  options: {
    agents: { type: "string", default: "200" },
    streams: { type: "string", default: "4" },
    events: { type: "string", default: "100" },
    interval: { type: "string", default: "200" },
  },
});
const agents = Number(values.agents);
const streams = Number(values.streams);
const events = Number(values.events);
const intervalMs = Number(values.interval);
/** What an answer that nobody takes may be ahead by: the tunnel's credit, what the edge keeps of a run, and the sockets' own buffers. */
const MOST_UNREAD_BYTES = PROTOCOL_LIMITS.streamCreditBytes + 4 * 1024 * 1024 + 4 * 1024 * 1024;
const SETUP_TOKEN = "campaign";

const countsSchema = z.object({ type: z.literal("counts"), given: z.array(z.number()), unpaced: z.number() });
const chunkSchema = z.object({ choices: z.array(z.object({ delta: z.object({ content: z.string().optional() }) })) });

const findings: string[] = [];
await buildEdgeIfNeeded();
await using root = await temporaryFolder();
const folder = dataFolder(root.path);
const edge = new SupervisedEdge({ stateDir: folder.edge, port: await freePort(), setupToken: SETUP_TOKEN });
const origin = await edge.start();
const owner = await ensureOwner(origin, SETUP_TOKEN, folder.owner);
let child: ChildProcess | undefined;
try {
  const megabytes = () => memoryOfTree(edge.pid ?? 0).reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const emptyMegabytes = megabytes();
  child = await startAgents();
  say(`${agents} agents online`);
  const onlineMegabytes = megabytes();
  let peakMegabytes = 0;
  const watching = setInterval(() => (peakMegabytes = Math.max(peakMegabytes, megabytes())), 1_000);
  const cpuBefore = cpuSeconds();
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: agents * streams }, () => ask()));
  const tookMs = performance.now() - started;
  clearInterval(watching);

  const cpuMs = ((cpuSeconds() - cpuBefore) * 1000) / answers.length;
  const whole = Array.from({ length: events }, (_, i) => `${i} `).join("");
  const complete = answers.filter(({ text }) => text === whole).length;
  if (complete < answers.length) findings.push(`${answers.length - complete} answers are not whole`);
  const { given } = await counts(child);
  // Those that are done with some before the last one is asked get a few more.
  if (Math.max(...given) > streams * 2 || Math.min(...given) === 0) {
    findings.push(
      `agents were given ${Math.min(...given)} to ${Math.max(...given)} requests, where ${streams} is fair`,
    );
  }
  const first = answers.map(({ firstMs }) => firstMs);
  const late = answers.flatMap(({ gapsMs }) => gapsMs).map((gapMs) => Math.max(0, gapMs - intervalMs));
  say(
    `${complete} of ${answers.length} answers whole in ${seconds(tookMs)} (alone one takes ${seconds((events - 1) * intervalMs)})`,
  );
  say(
    `first event: median ${ms(first, 0.5)}, p99 ${ms(first, 0.99)}; later events late by: median ${ms(late, 0.5)}, p99 ${ms(late, 0.99)}`,
  );
  say(`each agent was given ${Math.min(...given)} to ${Math.max(...given)} requests`);
  say(
    `edge: ${emptyMegabytes.toFixed(0)} MB empty, ${onlineMegabytes.toFixed(0)} MB with ${agents} agents online, ${peakMegabytes.toFixed(0)} MB at most under load; ` +
      `${cpuMs.toFixed(1)} ms of CPU for each answer of ${events} events`,
  );
  await stall(megabytes);
} finally {
  child?.disconnect();
  await edge.stop();
}
for (const finding of findings) say(`finding: ${finding}`);
process.exitCode = findings.length > 0 ? 1 : 0;

/** CPU time of the edge's processes so far. */
function cpuSeconds(): number {
  // Fields 14 and 15 of proc(5)'s stat, in hundredths of a second, counted behind the name in parentheses.
  const ticks = memoryOfTree(edge.pid ?? 0).map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

async function startAgents(): Promise<ChildProcess> {
  const identities = join(root.path, "agents");
  await mkdir(identities);
  const enrolUrls: string[] = [];
  for (let i = 0; i < agents; i++) enrolUrls.push(await owner.pairingUrl());
  const argument = JSON.stringify({ folder: identities, enrolUrls });
  const started = fork(new URL("many-agents-child.ts", import.meta.url), [argument]);
  await once(started, "message");
  return started;
}

async function counts(from: ChildProcess): Promise<z.infer<typeof countsSchema>> {
  from.send("counts");
  const [message]: unknown[] = await once(from, "message");
  return countsSchema.parse(message);
}

function post(count: number, everyMs: number): RequestInit {
  return {
    method: "POST",
    headers: { authorization: `Bearer ${owner.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "numbers",
      messages: [{ role: "user", content: `${count} ${everyMs}` }],
      stream: true,
    }),
  };
}

/** One streamed answer, with the times between its events. */
async function ask(): Promise<{ text: string; firstMs: number; gapsMs: number[] }> {
  const asked = performance.now();
  const response = await fetch(`${origin}/v1/chat/completions`, post(events, intervalMs));
  if (!response.ok || response.body === null) return { text: await response.text(), firstMs: 0, gapsMs: [] };
  let [text, rest, lastMs, firstMs] = ["", "", 0, 0];
  const gapsMs: number[] = [];
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const content = chunkSchema.safeParse(JSON.parse(line.slice(6))).data?.choices[0]?.delta.content ?? "";
      if (content === "") continue;
      const now = performance.now();
      if (text === "") firstMs = now - asked;
      else gapsMs.push(now - lastMs);
      lastMs = now;
      text += content;
    }
  }
  return { text, firstMs, gapsMs };
}

/** A client that asks for a hundred million characters and reads none. */
async function stall(megabytes: () => number): Promise<void> {
  const before = megabytes();
  const { method, headers, body } = post(20_000_000, 0);
  const client = httpRequest(`${origin}/v1/chat/completions`, { method, headers: headers as Record<string, string> }); // made above
  client.on("error", () => undefined);
  client.on("response", (response) => response.pause());
  client.end(body);
  await sleep(10_000);
  if (child === undefined) return;
  const { unpaced } = await counts(child);
  await sleep(2_000);
  const again = (await counts(child)).unpaced;
  // An event is its characters and about 25 bytes around them.
  const bytes = (characters: number) => (characters / 8) * (8 + 25);
  say(
    `stalled client: the agent got rid of about ${(bytes(again) / 1e6).toFixed(2)} MB and then waited; the edge grew by ${(megabytes() - before).toFixed(0)} MB`,
  );
  if (again !== unpaced) findings.push("the agent goes on although nobody reads");
  if (bytes(again) > MOST_UNREAD_BYTES)
    findings.push(`more than ${MOST_UNREAD_BYTES} bytes are on their way to a client that reads none`);
  client.destroy();
}

function ms(samples: readonly number[], q: number): string {
  return `${quantile(samples, q).toFixed(0)} ms`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
