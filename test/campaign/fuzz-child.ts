import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { caseBytes, runCase } from "../support/fuzz-case.ts";
import { FUZZ_TARGETS, type FuzzTarget, writeIntact } from "../support/fuzz-targets.ts";
import { type FuzzReport, fuzzJobSchema } from "./fuzz-job.ts";

/** Reads damaged files in a process that may be killed at any time, and reports each. */

const [message] = await once(process, "message");
const { target: name, folder: parent, seed, from, count } = fuzzJobSchema.parse(message);
const target = targetOf(name);
const folder = join(parent, "model");
await mkdir(folder, { recursive: true });
await writeIntact(target, folder);
for (let index = from; index < from + count; index++) {
  await report(await run(index));
}
process.disconnect();

/** The end has the stack; the beginning may quote the file. */
function shortened(text: string): string {
  return text.length <= 2000 ? text : `${text.slice(0, 300)} ... ${text.slice(-1600)}`;
}

function targetOf(wanted: string): FuzzTarget {
  const found = FUZZ_TARGETS.find((each) => each.name === wanted);
  if (found === undefined) throw new Error(`There is no target ${wanted}.`);
  return found;
}

async function run(index: number): Promise<FuzzReport> {
  try {
    return { index, outcome: await runCase(target, folder, caseBytes(target, seed, index)) };
  } catch (error) {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { index, outcome: "refused", finding: shortened(said) };
  }
}

/** Waits until the report is on its way: the parent must know of every case that was done when this process is killed. */
async function report(each: FuzzReport): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.send?.(each, undefined, undefined, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
