import { expect, it } from "vitest";
import { byteSize, count, duration } from "../../../node-agent/commands/flag-values.ts";

it("reads sizes as people write them", () => {
  const sizes = ["8GB", "1.5gb", "500 MB", "1024", "2TB"].map((text) => byteSize("memory", text));
  expect(sizes).toEqual([8e9, 1.5e9, 5e8, 1024, 2e12]);
  expect(byteSize("memory", undefined)).toBeUndefined();
});

it.each(["", "8 GBs", "-1GB", "0", "1e9", "GB", "99999999TB"])("refuses %j as a size, with an example", (text) => {
  expect(() => byteSize("memory", text)).toThrow(/--memory is a size such as 8GB/u);
});

it.each(["", "0", "-1", "8k", "1e9", "8.5", "99999999999999999999"])(
  "refuses %j as a number, with an example",
  (text) => {
    expect(count("context", "8192")).toBe(8192);
    expect(() => count("context", text)).toThrow(/--context is a whole number such as 8192/u);
  },
);

it("reads times as Ollama does", () => {
  const times = ["5m", "90s", "1.5h", "30", "0", "-1", "forever"].map((text) => duration("keep-alive", text));
  expect(times).toEqual([300_000, 90_000, 5_400_000, 30_000, 0, -1, -1]);
});

it.each(["", "5 minutes", "1d", "NaN", "1000h"])("refuses %j as a time, with examples", (text) => {
  expect(() => duration("keep-alive", text)).toThrow(/--keep-alive is a time such as 30s, 5m or 1h/u);
});
