import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { stepArbitrary, TierHistory } from "./tier-history.ts";
import { emptied } from "./tier-world.ts";

/** More of them in test/campaign/session-tiers.ts. */
const HISTORIES = 300;

it("loses no turn, doubles none and keeps what was deleted deleted, whatever breaks off", {
  timeout: 120_000,
}, async () => {
  let crashes = 0;
  await runInDurableObject(env.HOME.getByName("tiers by chance"), async (_home, { storage }) => {
    const property = fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 12, maxLength: 40, size: "max" }),
      async (steps) => {
        const history = new TierHistory(emptied(storage), (step) => storage.transactionSync(step));
        await history.run(steps);
        crashes += history.world.crashes;
      },
    );
    await fc.assert(property, { numRuns: HISTORIES });
  });
  expect(crashes).toBeGreaterThan(HISTORIES / 2);
});
