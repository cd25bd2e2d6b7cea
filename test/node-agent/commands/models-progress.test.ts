import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { DownloadProgress } from "../../../node-agent/commands/models-progress.ts";
import { formatBytes, formatParameters } from "../../../node-agent/commands/models-units.ts";

/** Feeds 1 MB every 100 ms of 120 MB, the first 20 MB of which were here, and returns what was printed. */
function printed(isTTY: boolean): string[] {
  const lines: string[] = [];
  let now = 0;
  const out = { isTTY, write: (text: string) => lines.push(stripVTControlCharacters(text)) };
  const progress = new DownloadProgress(out, () => now);
  progress.start(120e6);
  progress.add(20e6, true);
  for (let step = 0; step < 50; step++) {
    now += 100;
    progress.add(1e6, false);
  }
  return lines;
}

describe("DownloadProgress", () => {
  it("shows share, amount, speed and time left in a terminal", () => {
    const lines = printed(true);
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.at(-1)).toMatch(/█+░+ +5[78]% {2}(69|70)\.0 MB of 120\.0 MB {2}10\.0 MB\/s, 5 s left$/);
  });

  it("says next to nothing elsewhere", () => {
    expect(printed(false)).toEqual([]);
  });
});

describe("units", () => {
  it.each([
    [0, "0 kB"],
    [999, "1 kB"],
    [12_345_678, "12.3 MB"],
    [1.5e9, "1.50 GB"],
  ])("formats %i bytes", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [5_480_000, "5.48M"],
    [999_600_000, "1B"],
    [1_540_000_000, "1.5B"],
  ])("formats %i parameters", (count, text) => expect(formatParameters(count)).toBe(text));
});
