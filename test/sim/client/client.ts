import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { ENGINE_ERROR, requestOf, type Script, textOf, tokenCountOf } from "../agent/script.ts";
import type { Caller } from "../edge/product.ts";
import type { RunsOfEdge } from "./runs-of-edge.ts";
import type { Kernel, Process } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";

/** How often a client comes back to an edge that starts again. */
const MOST_TRIES = 10;

/** How a client behaves in one request. */
export interface Manner {
  /** Chance of a pause before each next event, and how long at most. */
  pauseChance: number;
  pauseMs: number;
  /** Asks that its answer goes on without it; then it loses its connection with this chance before each event, too. */
  kept: boolean;
  dropChance: number;
  /** Longest that it is away before it comes back. */
  awayMs: number;
  /** Leaves once it has seen so many events. */
  leavesAfter?: number;
  /** Presses stop once it has seen so many. */
  stopsAfter?: number;
}

/** How a request came out. */
export interface Outcome {
  requestId: string;
  script: Script;
  caller: Caller;
  manner: Manner;
  startedAtMs: number;
  endedAtMs: number | undefined;
  /** Of those that are numbered: all but `progress`. */
  events: GenerateEvent[];
  ended: "running" | "finish" | "error" | "left";
  errorCode: string | undefined;
  /** It has pressed stop. */
  hasStopped: boolean;
}

export interface ClientOptions {
  kernel: Kernel;
  random: Random;
  runs: RunsOfEdge;
  requestId: string;
  caller: Caller;
  script: Script;
  manner: Manner;
  maxTokens?: number;
}

/** Asks for one generation, and reads it in the given manner. */
export function askOnce(options: ClientOptions): Outcome {
  const { kernel, requestId, script, caller, manner } = options;
  const outcome: Outcome = {
    requestId,
    script,
    caller,
    manner,
    startedAtMs: kernel.nowMs,
    endedAtMs: undefined,
    events: [],
    ended: "running",
    errorCode: undefined,
    hasStopped: false,
  };
  const process = kernel.spawn(`client ${requestId}`);
  kernel.plan(process, 0, () => {
    read(options, outcome, process).catch((error: unknown) => kernel.fail(error));
  });
  return outcome;
}

/** Reads until the end: where the edge breaks the answer off, or the client itself was away, it comes back for the rest. */
async function read(options: ClientOptions, outcome: Outcome, process: Process): Promise<void> {
  const { kernel, random, manner, runs, script, maxTokens } = options;
  kernel.trace(`asks for ${script.id}`);
  const request = requestOf(script, maxTokens);
  let next = 0;
  for (let tries = 0; outcome.ended === "running"; tries++) {
    const abort = new AbortController();
    const events = tries === 0 ? runs.start(request, manner.kept, abort.signal) : runs.resume(next, abort.signal);
    for await (const event of events) {
      if (event.type === "error" && event.error.code === "edge_restarting" && tries < MOST_TRIES) break;
      if (event.type !== "progress") next += 1;
      note(outcome, event);
      if (outcome.ended !== "running") continue;
      if (manner.stopsAfter !== undefined && outcome.events.length >= manner.stopsAfter && !outcome.hasStopped) {
        outcome.hasStopped = true;
        void stop(options);
      }
      if (manner.leavesAfter !== undefined && outcome.events.length >= manner.leavesAfter) {
        outcome.ended = "left";
        if (random.chance(0.5)) break;
        abort.abort();
      } else if (manner.kept && random.chance(manner.dropChance)) {
        kernel.trace(`drops its connection at ${next}`);
        abort.abort();
        break;
      }
      if (random.chance(manner.pauseChance)) await sleep(random.fraction() * manner.pauseMs);
    }
    if (outcome.ended === "running") await sleep(random.spread(5, manner.awayMs));
  }
  outcome.endedAtMs = kernel.nowMs;
  kernel.trace(`has ${outcome.events.length} events of ${script.id}: ${outcome.ended} ${outcome.errorCode ?? ""}`);
  kernel.kill(process);
}

/** Stops the answer; the end of it comes where it is read. */
async function stop({ kernel, runs }: ClientOptions): Promise<void> {
  try {
    kernel.trace(`presses stop: ${String(await runs.cancel())}`);
  } catch (error) {
    kernel.trace(`presses stop, and nobody hears: ${String(error)}`);
  }
}

function note(outcome: Outcome, event: GenerateEvent): void {
  if (event.type === "progress" || outcome.ended === "left") return;
  if (event.type === "finish" || event.type === "error") outcome.ended = event.type;
  if (event.type === "error") outcome.errorCode = event.error.code;
  // Only the engine's own errors are of the answer.
  if (event.type !== "error" || event.error.code === ENGINE_ERROR) outcome.events.push(event);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What is wrong with what came, as a sentence; undefined: nothing. It must be the answer, from its beginning on. */
export function whatIsWrong({ script, events, ended }: Outcome): string | undefined {
  const expected = textOf(script);
  const text = events.map((event) => (event.type === "text" ? event.text : "")).join("");
  if (!expected.startsWith(text)) return `${script.id} has ${firstDifference(text, expected)}`;
  if (ended !== "finish") return undefined;
  if (text !== expected) return `${script.id} ends after ${text.length} of ${expected.length} characters`;
  const [usage, finish, ...more] = events.filter(({ type }) => type !== "text");
  const isWhole = usage?.type === "usage" && finish?.type === "finish" && more.length === 0;
  if (!isWhole) return `${script.id} does not end with usage and finish`;
  const tokens = tokenCountOf(script);
  if (usage.completionTokens !== tokens)
    return `${script.id} has ${usage.completionTokens} tokens in place of ${tokens}`;
  return undefined;
}

function firstDifference(text: string, expected: string): string {
  let at = 0;
  while (text[at] === expected[at] && at < text.length) at += 1;
  return `'${text.slice(at, at + 40)}' at ${at} in place of '${expected.slice(at, at + 40)}'`;
}
