import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { mutated, readsOrRefuses, readWholeGguf, readWholeModel, SEED_FILE } from "../support/gguf-mutations.ts";
import { tinyGguf } from "../support/gguf-tiny-llama.ts";
import { encodeGguf } from "../support/gguf-writer.ts";
import { temporaryFolder } from "../support/model-temp.ts";

/**
 * Reads damaged GGUF files for as long as it is told (`node test/campaign/gguf-fuzz.ts --minutes 10`). Every file must give a result or a
 * named error; the first that does not is printed, with the seed that makes it again (`--seed`), and the exit code is 1.
 */
const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error("--minutes takes a number above 0.");

const TARGETS = [
  { name: "every kind of value and block", seed: SEED_FILE, read: readWholeGguf },
  { name: "a whole model", seed: encodeGguf(tinyGguf()), read: readWholeModel },
];

await using folder = await temporaryFolder();
const path = join(folder.path, "damaged.gguf");
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
for (const target of TARGETS) {
  const outcomes = { read: 0, refused: 0 };
  const property = fc.asyncProperty(mutated(target.seed), async (bytes) => {
    await writeFile(path, bytes);
    outcomes[(await readsOrRefuses(() => target.read(path))) ? "read" : "refused"]++;
  });
  const timeLimitMs = (minutes * 60_000) / TARGETS.length;
  await fc.assert(property, {
    seed,
    numRuns: 1e9,
    interruptAfterTimeLimit: timeLimitMs,
    markInterruptAsFailure: false,
  });
  console.log(
    `${target.name}: ${outcomes.read} files read, ${outcomes.refused} refused by name, none else (seed ${seed})`,
  );
}
