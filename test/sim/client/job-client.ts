import { PorchlightError } from "../../../shared/errors.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { type Script, textOf } from "../agent/script.ts";
import type { Caller, JobState, Product } from "../edge/product.ts";
import { type Kernel, Violation } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";

/** What somebody knows of a job that they have put into the queue. */
export interface JobOutcome {
  script: Script;
  caller: Caller;
  /** Undefined where the queue's answer was lost: there may be a job, or none. */
  id: string | undefined;
  /** `asking` until the queue has answered; `refused` where it did not take it. */
  state: JobState | "asking" | "refused" | "unknown";
  hasCancelled: boolean;
  model: string;
  askedAtMs: number;
}

export interface JobClientOptions {
  kernel: Kernel;
  random: Random;
  product: Product;
  /** The Home object as a Worker sees it. */
  home: object;
  script: Script;
  model: string;
  caller: Caller;
  deadlineMs: number;
  cancelsAfterMs?: number;
  /** Whether answers may be wrong. */
  hostile: boolean;
}

const ENDS: readonly string[] = ["completed", "failed", "cancelled", "expired"];

/** Puts a job into the queue through the Worker's own code, and looks at it now and then until its end, and once more behind that. */
export function askJob(options: JobClientOptions): JobOutcome {
  const { kernel, script, caller, model } = options;
  const outcome: JobOutcome = {
    script,
    caller,
    model,
    id: undefined,
    state: "asking",
    hasCancelled: false,
    askedAtMs: kernel.nowMs,
  };
  kernel.plan(kernel.spawn(`job ${script.id}`), 0, () => {
    follow(options, outcome).catch((error: unknown) => kernel.fail(error));
  });
  return outcome;
}

async function follow(options: JobClientOptions, outcome: JobOutcome): Promise<void> {
  const { kernel, random, product, home, script, caller, deadlineMs, cancelsAfterMs, hostile } = options;
  const account = { id: "home", userId: "person", userName: "Person", role: "member", key: { ...KEY, ...caller } };
  const env = { HOME: { getByName: () => home } };
  const desk = product.jobsOf(env, account.id);
  const body = { model: outcome.model, messages: [{ role: "user", content: JSON.stringify(script) }] };
  const made = await attempt(() => product.startJob(env, account, body, { deadlineMs }));
  outcome.state = made === "refused" ? made : (made?.state ?? "unknown");
  if (made === undefined || made === "refused") return kernel.trace(`is ${outcome.state}`);
  outcome.id = made.id;
  kernel.trace(`is ${made.id}: ${outcome.state}`);
  const { id } = made;
  if (cancelsAfterMs !== undefined) setTimeout(() => void cancel(), cancelsAfterMs);
  const cancel = async (): Promise<void> => {
    outcome.hasCancelled = true;
    await attempt(() => desk.cancel(id, {}));
  };
  for (let looks = 0; looks < 2; looks += ENDS.includes(outcome.state) ? 1 : 0) {
    await new Promise((resolve) => setTimeout(resolve, random.spread(500, 20_000)));
    const seen = await attempt(() => desk.job(id, {}));
    if (seen === undefined || seen === "refused") continue;
    const before: JobOutcome["state"] = outcome.state;
    outcome.state = seen.job.state;
    const wrong = hostile ? undefined : whatIsWrong(script, before, outcome.state, seen.events);
    if (wrong !== undefined) throw new Violation(wrong);
    if (outcome.state !== before) kernel.trace(`job ${script.id} is ${outcome.state}`);
  }
}

/** A job ends once, and what it came to is its whole answer. */
function whatIsWrong(
  script: Script,
  before: JobOutcome["state"],
  state: JobState,
  events: readonly GenerateEvent[],
): string | undefined {
  if (ENDS.includes(before) && state !== before) return `the job ${script.id} was ${before} and is ${state}`;
  if (state !== "completed") return undefined;
  const text = events.map((event) => (event.type === "text" ? event.text : "")).join("");
  if (text !== textOf(script)) return `the job ${script.id} came to '${text.slice(0, 80)}'`;
  const ends = events.filter(({ type }) => type === "finish").length;
  return ends === 1 ? undefined : `the job ${script.id} has ${ends} ends`;
}

/** Undefined where the object was lost meanwhile; refused where no machine that is known has the model. */
async function attempt<T>(act: () => Promise<T>): Promise<T | "refused" | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof PorchlightError && error.code === "model_not_found") return "refused";
    if (error instanceof TypeError && error.message === "Network connection lost.") return undefined;
    throw error;
  }
}

const KEY = { models: null, priority: "normal", scopes: ["chat"] };
