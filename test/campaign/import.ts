import { spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IMPORT_PROBLEMS, type ImportProblem } from "../../shared/sessions/import/problem.ts";
import { CLAUDE_DAMAGES, OPENAI_DAMAGES } from "../support/export-damages.ts";
import { type Damage, type ExportKind, exportText } from "../support/export-files.ts";
import { startStack } from "../support/stack.ts";
import { zipOf } from "../support/zip-writer.ts";

/**
 * `porchlight sessions import` on export files of 10,000 conversations, one in 97 of them damaged, against the real edge: what it says of each,
 * what it takes, how much memory it needs; a second time; from a zip; back out by `sessions export`; and files made to harm.
 *   node test/campaign/import.ts [--count 10000]
 */
const at = process.argv.indexOf("--count");
const COUNT = at === -1 ? 10_000 : Number(process.argv[at + 1]);
const EVERY = 97;
const CLI = fileURLToPath(new URL("../../node-agent/cli.ts", import.meta.url));
/** The most that was resident since the program began, as Linux counts it. */
const PEAK = `import { readFileSync } from "node:fs";
process.on("exit", () => process.stderr.write("PEAK " + /VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] + " "));`;

const folder = await mkdtemp(join(tmpdir(), "porchlight-import-"));
const stack = await startStack();
let failures = 0;

try {
  for (const [kind, damages] of [
    ["openai", OPENAI_DAMAGES],
    ["claude", CLAUDE_DAMAGES],
  ] as const) {
    await tryKind(kind, damages);
  }
  await tryExport();
  await tryHostile();
} finally {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);

async function tryKind(kind: ExportKind, damages: readonly Damage[]): Promise<void> {
  const damaged = new Map<number, Damage>();
  for (let i = 1; i < COUNT; i += EVERY) damaged.set(i, damages[damaged.size % damages.length] as Damage); // a list that is not empty
  const file = join(folder, `${kind}.json`);
  await writeText(file, exportText(kind, COUNT, damaged));
  const { size } = await stat(file);
  const first = await importing(file);
  const told = new Map(first.problems.map(({ entry, code }) => [(entry ?? 0) - 1, code]));
  const wrong = [...damaged].filter(([i, { code }]) => told.get(i) !== code);
  const lost = [...damaged.values()].filter(({ kept }) => kept !== true).length;
  const kinds = new Set([...damaged.values()].map(({ name }) => name)).size;
  say(
    `${kind}: ${COUNT} entries, ${mb(size)}; ${damaged.size} damaged in ${kinds} ways; ${first.added} imported, ${first.skipped} left out, ` +
      `${first.problems.length} told; ${first.seconds.toFixed(1)} s, peak ${mb(first.peakBytes)} resident`,
  );
  check(
    wrong.length === 0,
    `each damage is told by its number (${wrong.map(([i, { name }]) => `${i} ${name}: ${told.get(i)}`).join("; ")})`,
  );
  check(first.problems.length === damaged.size, "nothing else is told");
  check(first.added === COUNT - lost, `${COUNT - lost} are imported`);
  const second = await importing(file);
  say(`${kind} again: ${second.added} imported, ${second.known} here already, ${second.seconds.toFixed(1)} s`);
  check(second.added === 0 && second.known === first.added, "a second import adds nothing");
  const zip = join(folder, `${kind}.zip`);
  await writeFile(zip, zipOf([{ name: "export/conversations.json", bytes: await readFile(file) }]));
  const zipped = await importing(zip);
  say(
    `${kind} zipped (${mb((await stat(zip)).size)}): ${zipped.known} here already, peak ${mb(zipped.peakBytes)} resident`,
  );
  check(zipped.added === 0 && zipped.known === first.added, "the zip has the same");
}

async function tryExport(): Promise<void> {
  const out = join(folder, "sessions.ndjson");
  const { code, seconds, peakBytes } = await command(["sessions", "export", "--out", out]);
  const lines = (await readFile(out, "utf8")).split("\n").length - 1;
  say(
    `export: ${lines} lines, ${mb((await stat(out)).size)}, ${seconds.toFixed(1)} s, peak ${mb(peakBytes)} resident, exit ${code}`,
  );
  const back = await importing(out);
  check(code === 0 && back.added === 0 && back.known === lines, "what was exported is known by its id");
}

async function tryHostile(): Promise<void> {
  const good = `{"uuid":"kept","name":"kept","created_at":"2025-01-01T00:00:00Z","chat_messages":[{"sender":"human","text":"hi"}]}`;
  const deep = "[".repeat(1_000_000);
  const long = `"${"x".repeat(100 * 2 ** 20)}"`;
  const space = Buffer.alloc(512 * 2 ** 20, 0x20);
  const files: [name: string, bytes: string | Buffer, code: ImportProblem["code"], kept: number][] = [
    ["a zip bomb of 512 MB", zipOf([{ name: "conversations.json", bytes: space }]), "bomb", 0],
    [
      "a name with ..",
      zipOf([{ name: "../../conversations.json", bytes: Buffer.from(`[${good}]`) }]),
      "unsafe_name",
      0,
    ],
    ["a million open brackets", `[{"title":"deep","create_time":${deep},${good}]`, "too_deep", 1],
    ["a million brackets for a file", deep, "too_deep", 0],
    ["one string of 100 MB", `[{"title":${long},"create_time":1,"mapping":{}},${good}]`, "too_large", 1],
    ["a list of one string of 100 MB", `[${long},${good}]`, "too_large", 1],
    ["JSON that breaks off", `[${good},{"uuid":"cut","name":"cut","chat_mess`, "truncated", 1],
  ];
  for (const [name, bytes, code, kept] of files) {
    const file = join(folder, "hostile");
    await writeFile(file, bytes);
    const { problems, added, known, seconds, peakBytes } = await importing(file);
    say(
      `${name}: ${problems.map((problem) => problem.code).join(", ")}; ${seconds.toFixed(1)} s, peak ${mb(peakBytes)} resident`,
    );
    check(problems.some((problem) => problem.code === code) && added + known === kept, `${code}, and ${kept} kept`);
    check(
      problems.every((problem) => IMPORT_PROBLEMS[problem.code].skipped),
      "it is left out",
    );
  }
}

interface Imported {
  added: number;
  known: number;
  skipped: number;
  problems: ImportProblem[];
}

async function importing(file: string): Promise<Imported & Run> {
  const ran = await command(["sessions", "import", file, "--json"]);
  if (ran.stdout === "") throw new Error(ran.stderr);
  return { ...ran, ...(JSON.parse(ran.stdout) as Imported) }; // the command of this build wrote it
}

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
  peakBytes: number;
}

async function command(args: string[]): Promise<Run> {
  const startedMs = performance.now();
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(PEAK)}`];
  const child = spawn(process.execPath, [...flags, CLI, ...args, "--origin", stack.origin], {
    env: { ...process.env, PORCHLIGHT_API_KEY: stack.apiKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
  const [code] = (await once(child, "close")) as [number | null]; // as Node emits it
  const peakBytes = Number(/PEAK (\d+)/.exec(stderr)?.[1]) * 1024;
  return { code, stdout, stderr, seconds: (performance.now() - startedMs) / 1000, peakBytes };
}

async function writeText(file: string, pieces: Iterable<string>): Promise<void> {
  const stream: WriteStream = createWriteStream(file);
  for (const piece of pieces) if (!stream.write(piece)) await once(stream, "drain");
  stream.end();
  await once(stream, "close");
}

function check(isRight: boolean, what: string): void {
  if (isRight) return;
  failures += 1;
  say(`  WRONG: ${what}`);
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
