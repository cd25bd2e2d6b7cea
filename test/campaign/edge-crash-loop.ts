import { parseArgs } from "node:util";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { makeCertificate } from "../support/certificates.ts";
import { exitOf, interrupt, output, run, start } from "../support/command.ts";
import { tlsFetch, WordsAgent, workerdOf } from "../support/self-hosted.ts";
import { freePort } from "../support/stack.ts";

/**
 * Kills the workerd of a real `porchlight edge` again and again, with kill -9 and at random moments, while clients ask for streams over
 * TLS through a machine's tunnel. After each kill it is measured how long until somebody gets a whole answer again. Then workerd is
 * killed as soon as it is there, until the edge gives up; then it is started once more. Nothing that was written may be missing.
 */

const { values } = parseArgs({
  options: { kills: { type: "string", default: "20" }, clients: { type: "string", default: "8" } },
});
const KILLS = Number(values.kills);
const CLIENTS = Number(values.clients);
const WORDS = 300;
const GIVE_UP = 6;

await buildEdgeIfNeeded();
const root = await mkdtemp(join(tmpdir(), "porchlight-crash-loop-"));
const data = join(root, "data");
const files = makeCertificate(root, "edge");
const ca = await readFile(files.certFile, "utf8");
const port = String(await freePort());
const origin = `https://localhost:${port}`;
const address = [
  "--host",
  "127.0.0.1",
  "--port",
  port,
  "--origin",
  origin,
  "--cert",
  files.certFile,
  "--key",
  files.keyFile,
];
const startEdge = (...more: string[]) => start(["edge", "--data", data, ...address, ...more]);
const post = async (path: string, body: object, apiKey = "") =>
  await tlsFetch(origin + path, { ca, body, headers: { authorization: `Bearer ${apiKey}` } });

let edge = startEdge("--give-up-after", "1000");
const [, token = ""] = /setup#token=(\S+)/.exec(await output(edge, /Ctrl-C/)) ?? [];
const { apiKey } = JSON.parse((await post("/api/setup", { token })).text) as { apiKey: string };
const { url: enrolUrl } = JSON.parse((await post("/api/pairing-codes", {}, apiKey)).text) as { url: string };
const agent = new WordsAgent({ identityFile: join(root, "agent.json"), enrolUrl }, files.certFile);

const counts = { whole: 0, brokenOff: 0, refused: 0, wrong: 0 };
const expected = Array.from({ length: WORDS }, (_, i) => ` ${i}`).join("");

/** One streamed answer. What is said to be finished has to be whole. */
async function ask(): Promise<boolean> {
  const body = { model: "words", stream: true, messages: [{ role: "user", content: String(WORDS) }] };
  let answer: Awaited<ReturnType<typeof post>>;
  try {
    answer = await post("/v1/chat/completions", body, apiKey);
  } catch {
    counts.brokenOff++; // the connection ended without an end of the answer: nobody takes it for whole
    return false;
  }
  const chunks = answer.text.split("\n").flatMap((line) => (line.startsWith("data: {") ? [line.slice(6)] : []));
  const parsed = chunks.map(
    (chunk) =>
      JSON.parse(chunk) as {
        choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
        error?: object;
      },
  );
  const text = parsed.map((chunk) => chunk.choices?.[0]?.delta?.content ?? "").join("");
  const finished = parsed.some((chunk) => chunk.choices?.[0]?.finish_reason === "stop");
  if (answer.status === 200 && finished && text === expected) counts.whole++;
  else if (answer.status === 503 || parsed.some((chunk) => chunk.error)) counts.refused++;
  else counts.wrong++;
  return answer.status === 200 && finished;
}

while (!(await ask())) await sleep(100);
const over = new AbortController();
const clients = Array.from({ length: CLIENTS }, async () => {
  while (!over.signal.aborted) if (!(await ask())) await sleep(50);
});
const backMs: number[] = [];
try {
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(Math.random() * 1_500);
    let pid: number | undefined;
    while (pid === undefined) pid = await workerdOf(edge);
    const before = performance.now();
    process.kill(pid, "SIGKILL");
    while (!(await ask())) await sleep(20);
    backMs.push(performance.now() - before);
  }
} finally {
  over.abort();
  await Promise.all(clients);
}
const report = JSON.parse((await run(["status", "--data", data, "--json"])).stdout) as {
  edge: { restarts: number; state: string };
};
const keys = await tlsFetch(`${origin}/v1/models`, { ca, headers: { authorization: `Bearer ${apiKey}` } });
interrupt(edge);
const stopped = await exitOf(edge);

// A crash loop that does not end: workerd dies as soon as it is there.
edge = startEdge("--give-up-after", String(GIVE_UP));
await output(edge, /Ctrl-C/);
const said = output(edge, /stays down/);
const begun = performance.now();
while (edge.exitCode === null) {
  const pid = await workerdOf(edge);
  if (pid !== undefined) {
    await sleep(300);
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue; // it went by itself
    }
  }
  await sleep(20);
}
const loopMs = performance.now() - begun;
const lastWords = (await said).split("\n").findLast((line) => line.includes("stays down"));
const gaveUp = { code: edge.exitCode, status: (await run(["status", "--data", data])).stdout.split("\n")[0] };

edge = startEdge();
await output(edge, /Ctrl-C/);
const again = performance.now();
while (!(await ask())) await sleep(50);
console.log(
  JSON.stringify(
    {
      kills: KILLS,
      clients: CLIENTS,
      answers: counts,
      backMs: { ...percentiles(backMs), each: backMs.map((ms) => Math.round(ms)) },
      reported: report.edge,
      keyStillGood: keys.status === 200,
      stoppedWithCode: stopped,
      crashLoop: { ...gaveUp, lastWords, seconds: Math.round(loopMs / 1000) },
      afterwards: {
        firstAnswerMs: Math.round(performance.now() - again),
        pairings: agent.states.includes("refused") ? "lost" : "kept",
      },
    },
    undefined,
    2,
  ),
);
await agent.stop();
interrupt(edge);
await exitOf(edge);
await rm(root, { recursive: true, force: true });
if (counts.wrong > 0 || keys.status !== 200 || gaveUp.code !== 1) process.exitCode = 1;

function percentiles(samples: readonly number[]): Record<string, number> {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return { median: at(0.5), p95: at(0.95), most: at(1) };
}
