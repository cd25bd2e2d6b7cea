import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { caseBytes, runCase } from "../../support/fuzz-case.ts";
import { FUZZ_TARGETS, writeIntact } from "../../support/fuzz-targets.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

/** The first cases of a campaign (test/campaign/fuzz.ts), one seed. */
const CASES = 30;
const SEED = 1;

test.each(FUZZ_TARGETS)("$name: damaged files are read or refused by name", async (target) => {
  await using temporary = await temporaryFolder();
  const folder = join(temporary.path, "model");
  await mkdir(folder);
  await writeIntact(target, folder);
  const outcomes = { read: 0, refused: 0 };
  for (let index = 0; index < CASES; index++) {
    outcomes[await runCase(target, folder, caseBytes(target, SEED, index))]++;
  }
  // Neither the damage is idle nor the reading.
  expect(outcomes.refused).toBeGreaterThan(0);
  expect(await runCase(target, folder, target.whole)).toBe("read");
});
