import { expect, it } from "vitest";
import { HotTurns } from "../../../../edge/home/sessions/hot-turns.ts";
import { TIER_LIMITS } from "../../../../edge/home/sessions/limits.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";

const turn = (index: number, content = "x"): Turn => ({
  index,
  createdAtMs: 1,
  messages: [{ role: "user", content }],
  model: "m",
  state: "complete",
});

it("keeps the last turns, and none that would take the room of many", () => {
  const hot = new HotTurns(3);
  for (let index = 0; index < 5; index++) hot.put("a", turn(index));
  expect([0, 1, 2, 3, 4].map((index) => hot.get("a", index)?.index)).toEqual([undefined, undefined, 2, 3, 4]);
  hot.put("a", turn(2));
  hot.put("b", turn(0));
  expect([hot.get("a", 3), hot.get("a", 2)?.index, hot.get("b", 0)?.index]).toEqual([undefined, 2, 0]);
  hot.put("b", turn(1, "x".repeat(TIER_LIMITS.hotTurnCharacters + 1)));
  expect(hot.get("b", 1)).toBeUndefined();
  hot.drop("a", 0, 9);
  expect([hot.get("a", 2), hot.get("a", 4), hot.get("b", 0)?.index]).toEqual([undefined, undefined, 0]);
});

it("keeps nothing where nothing is to be kept", () => {
  const hot = new HotTurns(0);
  hot.put("a", turn(0));
  expect(hot.get("a", 0)).toBeUndefined();
});
