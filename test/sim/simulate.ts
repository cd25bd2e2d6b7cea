import { parseArgs } from "node:util";
import { loadProduct } from "./edge/product.ts";
import { realMs } from "./kernel/globals.ts";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { findPlanted } from "./planted.ts";
import { type Run, runSeed } from "./run-seed.ts";

const USAGE = `npm run sim -- [options]

  --seeds N      runs so many seeds (--from N: the first of them; --step 10 --from 9: the hostile ones), with --kept those that
                 ever failed, too; --with CODE tells which of them have an answer that ends with this error, and what was logged
  --seed N       runs one seed twice: what it did must be the same (--trace: tells all of it)
  --planted      puts each bug of plants.ts into the product's text, one by one: each must be found
  --plant NAME   runs the seeds with that bug in it`;

const TWICE_EVERY = 50;
const PROGRESS_EVERY_MS = 5_000;

/** The command line of the simulator. Returns the exit code. */
export async function simulate(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string", default: "1" },
      step: { type: "string", default: "1" },
      kept: { type: "boolean", default: false },
      plant: { type: "string" },
      "stop-at-first": { type: "boolean", default: false },
      planted: { type: "boolean", default: false },
      with: { type: "string" },
      trace: { type: "boolean", default: false },
    },
  });
  if (values.planted) return await findPlanted();
  if (values.seed !== undefined) return await runOne(Number(values.seed), values.trace);
  if (values.seeds === undefined) {
    console.log(USAGE);
    return 2;
  }
  const from = Number(values.from);
  const seeds = Array.from({ length: Number(values.seeds) }, (_, n) => from + n * Number(values.step));
  if (values.kept) seeds.push(...KEPT_SEEDS.map(({ seed }) => seed).filter((seed) => !seeds.includes(seed)));
  return await runMany(seeds, values["stop-at-first"], values.with);
}

async function runOne(seed: number, trace: boolean): Promise<number> {
  const product = await loadProduct();
  const run = await runSeed(seed, product, trace ? (line) => console.log(line) : undefined);
  console.log(JSON.stringify(run));
  const again = await runSeed(seed, product);
  if (again.digest !== run.digest) console.log(`Not the same twice: ${run.digest}, then ${again.digest}.`);
  return run.failure === undefined && again.digest === run.digest ? 0 : 1;
}

async function runMany(seeds: readonly number[], stopAtFirst: boolean, code: string | undefined): Promise<number> {
  const product = await loadProduct();
  const tally = new Tally();
  let toldMs = realMs();
  for (const seed of seeds) {
    const run = await runSeed(seed, product);
    // Now and then it is looked at whether a seed decides everything.
    if (seed % TWICE_EVERY === 0 && (await runSeed(seed, product)).digest !== run.digest) {
      run.failure = "Not the same twice.";
    }
    tally.add(run);
    if (run.failure !== undefined) {
      console.log(`npm run sim -- --seed ${seed}   # ${run.failure}`);
      if (stopAtFirst) break;
    }
    if (code !== undefined && run.errors.includes(code)) {
      console.log(`npm run sim -- --seed ${seed}   # has ${code}; logged: ${run.logged.join("; ") || "nothing"}`);
    }
    if (realMs() - toldMs > PROGRESS_EVERY_MS) {
      toldMs = realMs();
      console.log(`  ${tally.sentence()}`);
    }
  }
  console.log(tally.sentence());
  return tally.failed === 0 ? 0 : 1;
}

class Tally {
  readonly #startMs = realMs();
  readonly #errors = new Map<string, number>();
  #seeds = 0;
  #steps = 0;
  #answers = 0;
  #complete = 0;
  failed = 0;

  add(run: Run): void {
    this.#seeds += 1;
    this.#steps += run.steps;
    this.#answers += run.answers;
    this.#complete += run.complete;
    this.failed += run.failure === undefined ? 0 : 1;
    for (const code of run.errors) this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  sentence(): string {
    const seconds = (realMs() - this.#startMs) / 1000;
    const errors = [...this.#errors].map(([code, count]) => `${count} ${code}`).join(", ");
    return (
      `${this.#seeds} seeds, ${this.failed} failed; ${this.#steps} steps in ${seconds.toFixed(1)} s ` +
      `(${Math.round(this.#steps / seconds)}/s); ${this.#complete} of ${this.#answers} answers complete, errors: ${errors || "none"}`
    );
  }
}
