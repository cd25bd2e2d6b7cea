import { describe, expect, it } from "vitest";
import { type Interruption, interruptPull, killReplacement, PART_BYTES } from "../../../support/hub-interruptions.ts";
import { differences, pullFrom, PART_BYTES as SMALL_PART_BYTES } from "../../../support/hub-pull.ts";
import { noise, TestHub } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { createRandom } from "../../../../node-agent/engine/random.ts";

describe("a pull that is interrupted", () => {
  const kinds = (...counts: [Interruption, number][]) =>
    counts.flatMap(([kind, count]) => Array<Interruption>(count).fill(kind));

  it.each([
    [1, kinds(["drop", 10])],
    [2, kinds(["stop", 10])],
    [3, kinds(["kill", 3], ["stop", 2])],
  ])("loses at most one part each time and ends byte-equal (seed %i: %j)", async (seed, interruptions) => {
    const { wasted, different, seenEarly } = await interruptPull(createRandom(seed), interruptions);
    expect(wasted).toHaveLength(interruptions.length);
    expect(Math.max(...wasted)).toBeLessThanOrEqual(PART_BYTES);
    expect(different).toEqual([]);
    expect(seenEarly).toEqual([]);
  });

  it("leaves the old model or the new one, whole, whenever it is killed", async () => {
    const random = createRandom(5);
    for (let round = 0; round < 3; round++) expect(await killReplacement(random)).toEqual([]);
  });

  it("goes on within one run when connections are cut, each part from where it stood", async () => {
    const random = createRandom(4);
    const files = { "model.gguf": noise(4, 60 * SMALL_PART_BYTES + 5) };
    let drops = 0;
    await using hub = await TestHub.start({
      files,
      pieceBytes: 1024,
      fault: () => {
        if (random() < 0.5) return undefined;
        drops += 1;
        return { dropAfter: Math.floor(random() * SMALL_PART_BYTES) };
      },
    });
    await using folder = await temporaryFolder();
    const pulled = await pullFrom(hub, folder.path);
    expect(await differences(pulled.folder, files)).toEqual([]);
    expect(drops).toBeGreaterThan(20);
    expect(hub.totalSent - files["model.gguf"].length).toBeLessThanOrEqual(drops * SMALL_PART_BYTES);
  });
});
