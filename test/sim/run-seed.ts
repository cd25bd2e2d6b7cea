import { MODEL, OWN_MODEL, type Script } from "./agent/script.ts";
import { checkAtRest, checkMachines } from "./checks/at-rest.ts";
import { Always } from "./checks/always.ts";
import { checkEndings, isSettled } from "./checks/endings.ts";
import { checkLimits } from "./checks/limits.ts";
import type { MachineState, Product } from "./edge/product.ts";
import { enter } from "./kernel/globals.ts";
import { Violation } from "./kernel/kernel.ts";
import { Random } from "./kernel/random.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { forgetSessions } from "./probes.ts";
import { Chaos, LIMITED, UNLIMITED } from "./trouble.ts";
import { World } from "./world.ts";

/** How a run came out: `digest` is the same whenever the seed is. */
export interface Run {
  seed: number;
  steps: number;
  digest: string;
  answers: number;
  complete: number;
  errors: string[];
  /** What the product wrote to its log as an error. */
  logged: string[];
  failure: string | undefined;
}

/** After the trouble, everything must have ended by then. */
const HEALING_MS = 15 * 60_000;
/** What webhooks may take behind that. */
const POST_MS = 45 * 60_000;
/** Idle time in which what is to time out does. */
const REST_MS = 3 * 60_000;

/** Runs one seed. Rejects only if the simulator itself is broken. */
export async function runSeed(seed: number, product: Product, onTrace?: (line: string) => void): Promise<Run> {
  const random = new Random(seed, "plan");
  const plan = drawPlan(seed, random);
  const world = new World(seed, plan, product);
  const { kernel } = world;
  kernel.onTrace = onTrace;
  forgetSessions();
  enter(kernel);
  const onRejection = (error: unknown): void => kernel.fail(error);
  process.on("unhandledRejection", onRejection);
  const realError = console.error;
  const logged: string[] = [];
  console.error = (...words: unknown[]) => {
    logged.push(words.map(String).join(" "));
    kernel.trace(`error: ${logged.at(-1)}`);
  };
  let failure: string | undefined;
  try {
    await live(world, random);
  } catch (error) {
    failure = oneLine(error);
  } finally {
    console.error = realError;
    process.off("unhandledRejection", onRejection);
    enter(undefined);
    world.close();
  }
  const { outcomes } = world;
  return {
    seed,
    steps: kernel.steps,
    digest: kernel.digest,
    answers: outcomes.length,
    complete: outcomes.filter(({ ended }) => ended === "finish").length,
    errors: outcomes.flatMap(({ errorCode }) => errorCode ?? []),
    logged,
    failure,
  };
}

function oneLine(error: unknown): string {
  if (error instanceof Violation) return error.message;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split("\n").slice(0, 4).join(" ").replaceAll(/\s+/g, " ");
}

async function live(world: World, random: Random): Promise<void> {
  const { kernel, plan } = world;
  const always = new Always(world);
  kernel.onStep = () => always.check();
  kernel.trace(JSON.stringify(plan));
  for (let n = 0; n < plan.agents; n++) world.startAgent(n);
  new Chaos(world).begin();
  if (plan.webhooks) world.webhooks.begin(plan.troubleMs);
  if (plan.sleeps) planSleep(world, random.fork("sleep"));
  for (let n = 0; n < plan.requests; n++) planRequest(world, random, n);
  for (let n = 0; n < plan.jobs; n++) planJob(world, random, n);
  await kernel.run(plan.troubleMs);
  kernel.become(world.root);
  kernel.trace("heals");
  world.heal();
  const isOver = (): boolean =>
    world.outcomes.length === plan.requests &&
    world.outcomes.every(({ ended }) => ended !== "running") &&
    world.embeddings.every(({ ended }) => ended !== undefined) &&
    world.jobs.length === plan.jobs &&
    world.jobs.every(isSettled);
  await kernel.run(plan.troubleMs + HEALING_MS, isOver);
  // A message that failed a few times is tried again half an hour later.
  if (plan.webhooks) await kernel.run(kernel.nowMs + POST_MS, () => world.webhooks.waiting === 0);
  await kernel.run(kernel.nowMs + REST_MS);
  kernel.become(world.root);
  let machines: MachineState[] | undefined;
  const ask = async (): Promise<void> => {
    machines = await world.host.call((home) => home.agents());
  };
  void ask();
  await kernel.run(kernel.nowMs + 1_000, () => machines !== undefined);
  checkMachines(world, machines ?? []);
  kernel.become(world.root);
  checkAtRest(world);
  checkLimits(world);
  checkEndings(world);
  if (plan.webhooks) world.webhooks.check(world.jobs);
}

function planSleep(world: World, random: Random): void {
  const { kernel, plan, root } = world;
  for (let n = 0; n < 2; n++) kernel.plan(root, random.spread(2_000, plan.troubleMs), () => world.sleep());
}

function planRequest(world: World, random: Random, n: number): void {
  const { kernel, plan } = world;
  const script = drawScript(plan, random, `${kernel.seed}-${n}`);
  const isSlow = random.chance(plan.slowShare);
  const manner = {
    kept: random.chance(0.5),
    dropChance: random.pick([0, 0.02, 0.1]),
    awayMs: random.spread(10, random.chance(0.1) ? 300_000 : 5_000),
    pauseChance: isSlow ? 0.3 : 0,
    pauseMs: random.spread(10, random.chance(0.1) ? 90_000 : 5_000),
    ...(random.chance(plan.leavingShare / 2) ? { stopsAfter: random.int(0, script.pieces) } : {}),
    ...(random.chance(plan.leavingShare) ? { leavesAfter: random.int(0, script.pieces) } : {}),
  };
  const caller = random.chance(plan.limitedShare) ? random.pick(LIMITED) : UNLIMITED;
  const maxTokens = random.chance(0.5) ? random.int(script.pieces, 200) : undefined;
  kernel.plan(world.root, 3_000 + random.fraction() * plan.troubleMs * 0.8, () => {
    world.ask({ script, caller, manner, ...(maxTokens === undefined ? {} : { maxTokens }) });
    if (plan.embeds) world.embed(UNLIMITED);
  });
}

function planJob(world: World, random: Random, n: number): void {
  const { kernel, plan } = world;
  const script = drawScript(plan, random, `${kernel.seed}-job-${n}`);
  const caller = random.chance(plan.limitedShare) ? random.pick(LIMITED) : UNLIMITED;
  const deadlineMs = random.chance(0.2) ? random.int(10_000, 60_000) : 24 * 3600_000;
  const model = plan.sleeps && n % 2 === 0 ? OWN_MODEL : MODEL;
  const cancels = random.chance(plan.leavingShare) ? { cancelsAfterMs: random.spread(10, 30_000) } : {};
  kernel.plan(world.root, 3_000 + random.fraction() * plan.troubleMs * 0.8, () => {
    world.askJob({ script, model, caller, deadlineMs, ...cancels });
  });
}

function drawScript(plan: Plan, random: Random, id: string): Script {
  const isLong = random.chance(plan.longShare);
  const pieces = Math.round(random.spread(1, 60));
  return {
    id,
    pieces,
    characters: isLong ? 20_000 : 40,
    gapMs: random.spread(1, 400),
    ...(random.chance(0.1) ? { failsAt: random.int(0, pieces) } : {}),
  };
}
