import { GOALS } from "./goals.ts";
import { type Outcome, runCase, type Who } from "./run-case.ts";
import { TASKS } from "./tasks.ts";
import type { InjectionWorld } from "./world.ts";

export interface Ran extends Outcome {
  task: string;
  /** Absent: nobody attacked. */
  goal: string | undefined;
  who: Who;
}

/** Cases under way at once: a machine's sandbox has two processes. */
const LANES = 3;

/** Every task with every attacker, or every `every`th pair: shifted, so that each goal still meets different tasks. */
export async function runMatrix(
  world: InjectionWorld,
  of: { who: Who; goals?: readonly (string | undefined)[]; every?: number },
): Promise<Ran[]> {
  const { who, goals = Object.keys(GOALS), every = 1 } = of;
  const pairs = goals.flatMap((goal, row) =>
    Object.entries(TASKS)
      .filter((_, column) => (column + row) % (every * (GOALS[goal ?? ""]?.every ?? 1)) === 0)
      .map(([task, make]) => ({ task, make, goal })),
  );
  const ran: Ran[] = [];
  const work = async (): Promise<void> => {
    for (let next = pairs.shift(); next !== undefined; next = pairs.shift()) {
      const { task, make, goal } = next;
      const outcome = await runCase(world, make, goal === undefined ? undefined : GOALS[goal], who);
      ran.push({ ...outcome, task, goal, who });
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return ran;
}

/** Of some, how many: in words such as `3 of 20`, and as a part. */
export function share(
  all: readonly Ran[],
  holds: (one: Ran) => boolean,
): { count: number; of: number; percent: string } {
  const count = all.filter(holds).length;
  const percent = all.length === 0 ? "-" : `${Math.round((100 * count) / all.length)}%`;
  return { count, of: all.length, percent };
}
