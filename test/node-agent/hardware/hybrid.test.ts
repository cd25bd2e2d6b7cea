import { describe, expect, test } from "vitest";
import { parseCpuinfo } from "../../../node-agent/hardware/cpu.ts";
import { fastCpus, parseCpuList } from "../../../node-agent/hardware/hybrid.ts";
import type { SystemFiles } from "../../../node-agent/hardware/read-text.ts";

/** A system whose processors have these ratings in a file. */
function rated(file: string, ratings: readonly number[]): SystemFiles {
  const contents = new Map(ratings.map((rating, id) => [`/sys/devices/system/cpu/cpu${id}/${file}`, `${rating}\n`]));
  return {
    read: (path) => contents.get(path),
    list: () => [...ratings.map((_, id) => `cpu${id}`), "cpufreq", "online"],
  };
}

function paragraph(id: number, core: number): string {
  return `processor\t: ${id}\nmodel name\t: Hybrid\nphysical id\t: 0\ncore id\t: ${core}\nflags\t: avx2 avx_vnni\n`;
}

describe("hybrid processors", () => {
  test("Intel: performance cores with two threads each, efficiency cores with one", () => {
    const lists: Record<string, string> = {
      "/sys/devices/cpu_core/cpus": "0-3\n",
      "/sys/devices/cpu_atom/cpus": "4-7\n",
    };
    const fast = fastCpus({ read: (path) => lists[path], list: () => [] });
    expect(fast).toEqual(new Set([0, 1, 2, 3]));
    const cpuinfo = [0, 0, 4, 4, 8, 9, 10, 11].map((core, id) => paragraph(id, core)).join("\n");
    expect(parseCpuinfo(cpuinfo, fast).physicalCores).toBe(2);
    expect(parseCpuinfo(cpuinfo).physicalCores).toBe(6);
  });

  test("Arm: little cores do not count, the middle ones do", () => {
    const fast = fastCpus(rated("cpu_capacity", [325, 325, 325, 325, 870, 870, 870, 1024]));
    expect(fast).toEqual(new Set([4, 5, 6, 7]));
    const cpuinfo = Array.from({ length: 8 }, (_, id) => `processor\t: ${id}\nFeatures\t: asimd asimddp\n`).join("\n");
    expect(parseCpuinfo(cpuinfo, fast)).toMatchObject({ physicalCores: 4, features: ["neon", "dotprod"] });
  });

  test("cores that only boost a little differently are all alike", () => {
    expect(fastCpus(rated("acpi_cppc/highest_perf", [196, 191, 186, 181, 176, 171, 166, 166]))).toBeUndefined();
    expect(fastCpus(rated("cpu_capacity", [1024, 1024]))).toBeUndefined();
    expect(fastCpus(rated("nothing", [1, 2]))).toBeUndefined();
  });

  test.each([
    ["0-3,8,10-11\n", [0, 1, 2, 3, 8, 10, 11]],
    ["", []],
    ["x,3-,-2,5", [5]],
    ["7-5", []],
  ])("the list %j", (text, expected) => {
    expect([...parseCpuList(text)]).toEqual(expected);
  });

  test("a list without end is cut", () => {
    expect(parseCpuList("0-99999999999").size).toBeLessThan(5_000);
  });
});
