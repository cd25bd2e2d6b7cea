import { expect, it } from "vitest";
import { stateAfter, statesBefore, VERSION_EVENTS, VERSION_STATES } from "../../../shared/market/states.ts";

/** Every pair of state and event: the state after it, or a dash. The rows are spelled out, so that a new way takes two edits. */
const TABLE = `
              submit     validate    refuse    scan      suspect      clear      approve    reject    release    quarantine   yank    restore    revoke
draft         submitted  -           -         -         -            -          -          -         -          -            -       -          -
submitted     -          validating  -         -         -            -          -          -         -          -            -       -          -
validating    -          -           rejected  scanning  -            -          -          -         -          -            -       -          -
scanning      -          -           -         -         quarantined  in_review  -          -         -          -            -       -          -
in_review     -          -           -         -         -            -          published  rejected  -          quarantined  -       -          -
published     -          -           -         -         -            -          -          -         -          quarantined  yanked  -          revoked
rejected      -          -           -         -         -            -          -          -         -          -            -       -          -
quarantined   -          -           -         -         -            -          -          rejected  in_review  -            -       -          revoked
yanked        -          -           -         -         -            -          -          -         -          -            -       published  revoked
revoked       -          -           -         -         -            -          -          -         -          -            -       -          -
`;

it("moves every version as the table says, and no other way", () => {
  const [head = [], ...rows] = TABLE.trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  expect(head).toEqual([...VERSION_EVENTS]);
  expect(rows.map(([state]) => state)).toEqual([...VERSION_STATES]);
  for (const state of VERSION_STATES) {
    const [, ...cells] = rows.find(([name]) => name === state) ?? [];
    expect(VERSION_EVENTS.map((event) => stateAfter(state, event) ?? "-")).toEqual(cells);
  }
});

it("never publishes what was not reviewed, and never brings back what was refused or revoked", () => {
  expect(statesBefore("approve")).toEqual(["in_review"]);
  const ends = VERSION_STATES.filter((state) =>
    VERSION_EVENTS.every((event) => stateAfter(state, event) === undefined),
  );
  expect(ends).toEqual(["rejected", "revoked"]);
  // All ways from a draft: a published version has been in review.
  const walk = (state: (typeof VERSION_STATES)[number], reviewed: boolean, seen: Set<string>): void => {
    if (seen.has(`${state}${reviewed}`)) return;
    seen.add(`${state}${reviewed}`);
    if (state === "published") expect(reviewed).toBe(true);
    for (const event of VERSION_EVENTS) {
      const next = stateAfter(state, event);
      if (next !== undefined) walk(next, reviewed || state === "in_review", seen);
    }
  };
  walk("draft", false, new Set());
});
