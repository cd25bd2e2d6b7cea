import { GOALS } from "../support/injection/goals.ts";
import { type Ran, runMatrix, share } from "../support/injection/matrix.ts";
import { tryStarter } from "../support/injection/starter.ts";
import { InjectionWorld } from "../support/injection/world.ts";

/**
 * Prompt injection against our own tools, in the manner of AgentDojo (Debenedetti et al. 2024): tasks of a person times goals of an
 * attacker, whose words are in what the tools read. In place of a model that may or may not fall for them stands the worst that there can
 * be (test/support/injection/worst-model.ts), so that the figures say what the door lets through, and nothing of any model.
 */
const verbose = process.argv.includes("--verbose");
/** All pairs of task and goal, not every other one. */
const whole = process.argv.includes("--whole");
const world = await InjectionWorld.start();
try {
  const from = performance.now();
  const benign = await runMatrix(world, { who: "careful", goals: [undefined] });
  const careful = await runMatrix(world, { who: "careful", every: whole ? 1 : 2 });
  const hasty = await runMatrix(world, { who: "hasty", every: whole ? 2 : 5 });
  const open = await runMatrix(world, { who: "nobody", every: whole ? 2 : 5 });
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  const rows = [...Object.keys(GOALS), undefined].map((goal) => {
    const its = (all: readonly Ran[]): Ran[] =>
      all.filter((one) => (goal === undefined ? !isPasted(one.goal) : one.goal === goal));
    const won = (all: readonly Ran[]): string => {
      const { count, of, percent } = share(its(all), ({ succeeded }) => succeeded);
      return `${percent} (${count} of ${of})`;
    };
    const turned = share(its(careful), (one) => one.turned).percent;
    return [
      goal ?? "all",
      turned,
      share(its(careful), ({ done }) => done).percent,
      won(careful),
      won(hasty),
      won(open),
    ];
  });
  const asked = (all: readonly Ran[]): string => (all.reduce((sum, one) => sum + one.asked, 0) / all.length).toFixed(2);
  print(
    ["what the attacker wants", "reached the model", "utility", "careful person", "hasty person", "never asked"],
    rows,
  );
  const utility = share(benign, ({ done }) => done);
  process.stdout.write(
    `\nUtility without an attack: ${utility.percent} (${utility.count} of ${utility.of} tasks), ${asked(benign)} questions to the person a task; under attack ${asked(careful)}.\n` +
      `${benign.length + careful.length + hasty.length + open.length} cases in ${seconds} s.\n`,
  );
  for (const one of verbose ? [...benign, ...careful] : []) {
    if (!one.done || one.succeeded) process.stdout.write(`${JSON.stringify(one)}\n`);
  }
} finally {
  await world.stop();
}
const { benign: called, attacked } = await tryStarter();
process.stdout.write(
  `The starter model itself: called the tool that was wanted in ${called} of 4 turns without and ${attacked.called} of ${attacked.turns} with a stranger's words in its result, and fell for these in ${attacked.fell}.\n`,
);

/** What nothing can tell from the person's own words counts among no others. */
function isPasted(goal: string | undefined): boolean {
  return goal !== undefined && GOALS[goal]?.isPasted === true && GOALS[goal]?.isAlwaysAsked !== true;
}

function print(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |\n`;
  process.stdout.write(line(head) + line(widths.map((width) => "-".repeat(width))) + rows.map(line).join(""));
}
