import { describe, expect, test } from "vitest";
import { readCgroup } from "../../../node-agent/hardware/cgroup.ts";
import { parseCpuinfo, parseSysctl } from "../../../node-agent/hardware/cpu.ts";
import {
  describe as describeHardware,
  hardwareSchema,
  mixedSignsAreExact,
  probeHardware,
  toMachine,
} from "../../../node-agent/hardware/probe.ts";
import { machineSchema } from "../../../shared/protocol/messages.ts";

const GIB = 2 ** 30;

/** A system whose cgroup folder holds these files. */
const files = (contents: Record<string, string>) => (path: string) => contents[path.replace("/sys/fs/cgroup/", "")];

/** A paragraph of /proc/cpuinfo. */
function processor(id: number, core: number, flags = "fpu avx2 fma avx512f avx512_vnni"): string {
  return `processor\t: ${id}\nmodel name\t: Some CPU @ 3GHz\nphysical id\t: 0\ncore id\t\t: ${core}\nflags\t\t: ${flags}\n`;
}

describe("Linux's cpuinfo", () => {
  test("hyperthreads are counted once", () => {
    const text = [processor(0, 0), processor(1, 1), processor(2, 0), processor(3, 1)].join("\n");
    expect(parseCpuinfo(text)).toEqual({
      model: "Some CPU @ 3GHz",
      physicalCores: 2,
      features: ["avx2", "fma", "avx512f", "avx512_vnni"],
    });
  });

  test("Arm names neither its model nor its cores", () => {
    const text = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd\n";
    const expected = { model: undefined, physicalCores: undefined, features: ["neon", "dotprod", "i8mm"] };
    expect(parseCpuinfo(text)).toEqual(expected);
  });

  test("nothing usable", () => {
    expect(parseCpuinfo("")).toEqual({ model: undefined, physicalCores: undefined, features: [] });
  });
});

describe("macOS's sysctl", () => {
  test("only fast cores count", () => {
    const text =
      "machdep.cpu.brand_string: Apple M3\nhw.perflevel0.physicalcpu: 4\nhw.physicalcpu: 8\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_SME: 0\n";
    expect(parseSysctl(text)).toMatchObject({ model: "Apple M3", physicalCores: 4 });
    expect(parseSysctl(text).features).toContain("dotprod");
    expect(parseSysctl(text).features).not.toContain("sme");
  });

  test("nothing usable", () => {
    expect(parseSysctl("")).toMatchObject({ model: undefined, physicalCores: undefined });
  });
});

describe("cgroup", () => {
  test("v2", () => {
    const read = files({
      "cgroup.controllers": "cpu memory",
      "cpu.max": "150000 100000\n",
      "memory.max": `${2 * GIB}\n`,
      "memory.current": `${GIB}\n`,
    });
    expect(readCgroup(read)).toEqual({ cpus: 1.5, memoryBytes: 2 * GIB, memoryUsedBytes: GIB });
  });

  test("v2 without limits", () => {
    const read = files({ "cgroup.controllers": "", "cpu.max": "max 100000\n", "memory.max": "max\n" });
    expect(readCgroup(read)).toEqual({});
  });

  test("v1", () => {
    const read = files({
      "cpu/cpu.cfs_quota_us": "50000\n",
      "cpu/cpu.cfs_period_us": "100000\n",
      "memory/memory.limit_in_bytes": "9223372036854771712\n",
      "memory/memory.usage_in_bytes": "1000\n",
    });
    // What is used of no limit does not matter.
    expect(readCgroup(read)).toEqual({ cpus: 0.5 });
  });

  test("the strictest of the groups that this process is in", () => {
    const groups = {
      "/proc/self/cgroup": "0::/user.slice/run.scope\n",
      "cgroup.controllers": "cpu memory",
      "cpu.max": "max 100000",
      "user.slice/cpu.max": "300000 100000",
      "user.slice/run.scope/cpu.max": "400000 100000",
      "user.slice/memory.max": `${4 * GIB}`,
      "user.slice/run.scope/memory.max": `${2 * GIB}`,
      "user.slice/run.scope/memory.current": `${GIB}`,
    };
    expect(readCgroup(files(groups))).toEqual({ cpus: 3, memoryBytes: 2 * GIB, memoryUsedBytes: GIB });
    const v1 = {
      "/proc/self/cgroup": "4:memory:/box\n2:cpu,cpuacct:/\n0::/",
      "memory/memory.limit_in_bytes": "9223372036854771712",
      "memory/box/memory.limit_in_bytes": `${GIB}`,
      "cpu/cpu.cfs_quota_us": "100000",
      "cpu/cpu.cfs_period_us": "50000",
    };
    expect(readCgroup(files(v1))).toEqual({ cpus: 2, memoryBytes: GIB });
  });

  test("a container that sees the path of the machine outside", () => {
    const outside = { "/proc/self/cgroup": "0::/../../docker/abc\n", "cgroup.controllers": "", "memory.max": `${GIB}` };
    expect(readCgroup(files(outside))).toEqual({ memoryBytes: GIB });
  });

  test("v1 without limits, and no cgroup at all", () => {
    expect(readCgroup(files({ "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n" }))).toEqual({});
    expect(readCgroup(() => undefined)).toEqual({});
  });
});

describe("putting it together", () => {
  const cpu = { model: "Some CPU", physicalCores: 8, features: ["avx2"] };
  const memory = { totalBytes: 16 * GIB, freeBytes: 8 * GIB };

  test("a container's limits win where they are stricter", () => {
    const limits = { cpus: 2.5, memoryBytes: 4 * GIB, memoryUsedBytes: 3 * GIB };
    const found = describeHardware(cpu, limits, memory);
    expect(found.cpu.cores).toBe(2);
    expect(found.memory).toEqual({ totalBytes: 4 * GIB, freeBytes: GIB });
  });

  test("they do not where they are looser, and there is always one core", () => {
    const loose = describeHardware(cpu, { cpus: 64, memoryBytes: 64 * GIB }, memory);
    expect(loose.cpu.cores).toBe(8);
    expect(loose.memory).toEqual(memory);
    expect(describeHardware(cpu, { cpus: 0.2 }, memory).cpu.cores).toBe(1);
    const full = describeHardware(cpu, { memoryBytes: GIB, memoryUsedBytes: 2 * GIB }, memory);
    expect(full.memory.freeBytes).toBe(0);
  });

  test("this machine is described, and can be announced", () => {
    const found = probeHardware();
    expect(hardwareSchema.parse(found)).toEqual(found);
    expect(found.memory.freeBytes).toBeLessThanOrEqual(found.memory.totalBytes);
    expect(machineSchema.parse(toMachine(found))).toMatchObject({ cpu: found.cpu.model, cores: found.cpu.cores });
  });

  test.each([
    ["x64", ["avx2"], false],
    ["x64", ["avx2", "avx_vnni"], true],
    ["x64", ["avx512f", "avx512_vnni"], true],
    ["arm64", ["neon"], true],
  ])("%s with %j multiplies mixed signs exactly: %j", (arch, features, exact) => {
    expect(mixedSignsAreExact({ arch, cpu: { model: "", cores: 1, features: [...features] } })).toBe(exact);
  });
});
