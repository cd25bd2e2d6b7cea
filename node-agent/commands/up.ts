import { mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentSettings } from "../agent/messages.ts";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { finishRestore } from "../edge/backup/switch.ts";
import { buildEdgeIfNeeded } from "../edge/build.ts";
import { readEdgeRunning } from "../edge/edge-running.ts";
import { ask } from "./ask.ts";
import { CommandError } from "./command-error.ts";
import { type HomeStack, startHomeStack } from "./home-stack.ts";
import { ensureOwner, type OwnerClient } from "./owner.ts";
import { claimFolder, findRunning, markRunning, releaseFolder, type Running, unmarkRunning } from "./running.ts";
import { interruption } from "./signals.ts";
import { printable, StatusLine, say, showLoading, styled } from "./terminal.ts";

export interface UpFlags {
  port: number;
  localPort: number;
  data?: string;
  settings: AgentSettings;
  ask?: string;
  /** Nobody looks on: the output is a log, which others may read and which is kept. No secret goes there. */
  unattended: boolean;
}

/** How long a question may wait for the agent to come online. */
const PATIENCE_MS = 60_000;
/** How often a claimed folder is looked at again. */
const CLAIM_POLL_MS = 200;

/** `porchlight up`: edge and agent on this machine until interrupted, or until the one question of --ask is answered. */
export async function up(flags: UpFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  const running = await claimOrFind(folder);
  if (running) return await useRunning(running, folder, flags);
  try {
    return await start(folder, flags);
  } finally {
    await releaseFolder(folder.claim);
  }
}

/** Claims the folder, or finds the instance that runs on it; waits for one that is starting, stopping or asking its one question. */
async function claimOrFind(folder: DataFolder): Promise<Running | undefined> {
  for (let waits = 0; ; waits++) {
    const running = await findRunning(folder.running);
    if (running) return running;
    const holder = await claimFolder(folder.claim);
    if (holder === undefined) return undefined;
    await refuseEdge(folder);
    if (waits === 0) say(`Waiting for process ${holder}, which is at work on this folder (${folder.claim}).`);
    await sleep(CLAIM_POLL_MS);
  }
}

/** A `porchlight edge` stays: there is nothing to wait for. */
async function refuseEdge(folder: DataFolder): Promise<void> {
  const edge = await readEdgeRunning(folder.edgeRunning);
  if (!edge?.alive) return;
  const message = `'porchlight edge' (process ${edge.pid}) runs on this folder. Serve it from here: porchlight connect ${edge.origin}`;
  throw new CommandError("already_running", message);
}

async function start(folder: DataFolder, flags: UpFlags): Promise<number> {
  const status = new StatusLine();
  const interrupted = interruption();
  await finishRestore(folder);
  status.show("Building the edge");
  await buildEdgeIfNeeded();
  const given = new AbortController();
  const starting = startHomeStack({
    ...flags,
    folder,
    signal: given.signal,
    canary: flags.ask === undefined,
    onProgress: (what) => status.show(what),
    onLoading: (model, fraction) => showLoading(status, model, fraction),
  });
  const stack = await Promise.race([starting, interrupted.then(() => undefined)]);
  status.clear();
  if (!stack) {
    given.abort();
    await starting.then((late) => late.stop()).catch(() => undefined); // interrupted while starting: nothing to report
    return 130;
  }
  try {
    // Others may rely on an instance that stays, not on one that ends with its answer.
    if (flags.ask !== undefined) return await answer(stack.owner, stack.model, flags.ask, status, interrupted);
    await markRunning(folder.running, { pid: process.pid, origin: stack.origin });
    const lines = flags.unattended ? unattendedBanner(stack) : await banner(stack, folder);
    status.clear();
    say(lines.join("\n"));
    await interrupted;
    return 0;
  } finally {
    await stack.stop();
    await unmarkRunning(folder.running);
  }
}

/** Another `porchlight up` has this folder: use it rather than fail. */
async function useRunning(running: Running, folder: DataFolder, flags: UpFlags): Promise<number> {
  const owner = await ensureOwner(running.origin, "", folder.owner);
  if (flags.ask !== undefined)
    return await answer(owner, flags.settings.model, flags.ask, new StatusLine(), interruption());
  say(`Porchlight is running already (process ${running.pid}).`);
  if (flags.unattended) return 0;
  say(`  Page  ${styled("cyan", await owner.signInUrl())}`);
  say(`  Key   ${owner.apiKey}`);
  return 0;
}

async function answer(
  owner: OwnerClient,
  model: string | undefined,
  text: string,
  status: StatusLine,
  interrupted: Promise<void>,
): Promise<number> {
  const asking = ask(
    {
      origin: owner.origin,
      apiKey: owner.apiKey,
      model: model ?? (await owner.firstModel()),
      text,
      patienceMs: PATIENCE_MS,
    },
    (piece) => {
      status.clear();
      process.stdout.write(printable(piece));
    },
  );
  const stopped = await Promise.race([asking, interrupted.then(() => true)]);
  status.clear();
  process.stdout.write("\n");
  return stopped ? 130 : 0;
}

function unattendedBanner({ origin, model }: HomeStack): string[] {
  return [
    `Porchlight is on at ${origin}. Model ${model} answers on this machine.`,
    "For the key and a link that signs a browser in: porchlight up",
  ];
}

async function banner(stack: HomeStack, folder: DataFolder): Promise<string[]> {
  const { origin, owner, model, localUrl } = stack;
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "What can you do?" }] });
  const dim = (text: string) => styled("dim", text);
  return [
    `${styled("bold", "Porchlight is on.")} Model ${styled("bold", model)} answers on this machine.`,
    "",
    `  Page     ${styled("cyan", await owner.signInUrl())}`,
    `           ${dim("this link signs one browser in; run the command again for another")}`,
    `  API      ${origin}/v1   ${dim(`reference: ${origin}/docs`)}`,
    `  Key      ${owner.apiKey}`,
    `  At home  ${localUrl}/v1   ${dim("the same API without the edge, on this machine only")}`,
    `           ${dim(`its key: ${folder.localKey}`)}`,
    "",
    `  curl ${origin}/v1/chat/completions -H "Authorization: Bearer ${owner.apiKey}" \\`,
    `    -H "Content-Type: application/json" -d '${body}'`,
    "",
    dim("Ctrl-C stops it. Conversations, key and pairing stay."),
  ];
}
