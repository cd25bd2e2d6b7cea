import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acceleratorsSchema, linuxGpus, probeAccelerators } from "../../../node-agent/hardware/accelerators.ts";
import { appleGpus, parseSystemProfiler } from "../../../node-agent/hardware/apple.ts";
import { builtFor, cudaLibraries, parseLdconfig, readCuda } from "../../../node-agent/hardware/cuda.ts";
import { readDrm } from "../../../node-agent/hardware/drm.ts";
import { readNpus } from "../../../node-agent/hardware/npu.ts";
import { parseNvidiaSmi, readNvidiaProc } from "../../../node-agent/hardware/nvidia.ts";
import { type SystemFiles, systemFiles } from "../../../node-agent/hardware/read-text.ts";
import { runTool } from "../../../node-agent/hardware/run-tool.ts";
import { parseWindowsGpus } from "../../../node-agent/hardware/windows.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const GIB = 1024 ** 3;

/** A system with these files. */
function filesOf(contents: Record<string, string>): SystemFiles {
  const paths = Object.keys(contents);
  const children = (folder: string) =>
    paths
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1).split("/")[0] ?? "");
  return { read: (path) => contents[path], list: (folder) => [...new Set(children(folder))].toSorted() };
}

const PROC = {
  "/proc/driver/nvidia/version":
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\nGCC version:  gcc version 12.2.0\n",
  "/proc/driver/nvidia/gpus/0000:01:00.0/information":
    "Model: \t\t NVIDIA GeForce RTX 4070\nIRQ:   \t\t 88\nGPU UUID: \t GPU-1b\nBus Type: \t PCIe\n",
};

const DRM = {
  "/sys/class/drm/card0/device/vendor": "0x1002\n",
  "/sys/class/drm/card0/device/uevent": "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\n",
  "/sys/class/drm/card0/device/mem_info_vram_total": `${24 * GIB}\n`,
  "/sys/class/drm/card0-HDMI-A-1/status": "connected\n",
  "/sys/class/drm/card1/device/vendor": "0x8086\n",
  "/sys/class/drm/card1/device/uevent": "DRIVER=i915\nPCI_ID=8086:9A49\n",
  "/sys/class/drm/card2/device/vendor": "0x1234\n",
  "/sys/class/drm/card2/device/uevent": "DRIVER=bochs-drm\nPCI_ID=1234:1111\n",
  "/sys/class/drm/renderD128/device/vendor": "0x1002\n",
};

describe("NVIDIA's tools", () => {
  test("nvidia-smi: a line a card; memory may be unknown", () => {
    expect(parseNvidiaSmi("NVIDIA H100 80GB HBM3, 81559, 580.95.05\nNVIDIA GB10, [N/A], 580.95.05\n")).toEqual([
      { vendor: "nvidia", name: "NVIDIA H100 80GB HBM3", memoryBytes: 81_559 * 1024 ** 2, driver: "580.95.05" },
      { vendor: "nvidia", name: "NVIDIA GB10", driver: "580.95.05" },
    ]);
  });

  test("an error of nvidia-smi is no card", () => {
    expect(parseNvidiaSmi("No devices were found\n")).toEqual([]);
    expect(parseNvidiaSmi("")).toEqual([]);
  });

  test("the kernel driver's files", () => {
    expect(readNvidiaProc(filesOf(PROC))).toEqual([
      { vendor: "nvidia", name: "NVIDIA GeForce RTX 4070", driver: "580.95.05" },
    ]);
    expect(readNvidiaProc(filesOf({}))).toEqual([]);
  });
});

describe("Linux", () => {
  test("cards by vendor; neither screens nor a virtual machine's console", () => {
    expect(readDrm(filesOf(DRM))).toEqual([
      { vendor: "amd", name: "AMD 1002:744C", memoryBytes: 24 * GIB, driver: "amdgpu" },
      { vendor: "intel", name: "Intel 8086:9A49", driver: "i915" },
    ]);
  });

  test("NVIDIA's own tool knows more than its files, and those more than the kernel", async () => {
    const nouveau = {
      "/sys/class/drm/card9/device/vendor": "0x10de",
      "/sys/class/drm/card9/device/uevent": "DRIVER=nouveau\n",
    };
    const all = filesOf({ ...PROC, ...DRM, ...nouveau });
    const smi = async () => "NVIDIA GeForce RTX 4070, 12282, 580.95.05\n";
    const none = async () => undefined;
    expect((await linuxGpus(smi, all)).map(({ vendor, memoryBytes }) => [vendor, memoryBytes])).toEqual([
      ["nvidia", 12_282 * 1024 ** 2],
      ["amd", 24 * GIB],
      ["intel", undefined],
    ]);
    expect((await linuxGpus(none, all))[0]).toMatchObject({ name: "NVIDIA GeForce RTX 4070", driver: "580.95.05" });
    expect((await linuxGpus(none, filesOf(nouveau)))[0]).toMatchObject({ vendor: "nvidia", driver: "nouveau" });
  });

  test("NPUs by driver, or by the processor's name", () => {
    const intel = filesOf({ "/sys/class/accel/accel0/device/uevent": "DRIVER=intel_vpu\nPCI_ID=8086:7D1D\n" });
    expect(readNpus("Intel(R) Core(TM) Ultra 7 155H", intel)).toEqual([{ name: "Intel NPU" }]);
    expect(readNpus("Apple M3 Pro", filesOf({}))).toEqual([{ name: "Apple Neural Engine" }]);
    expect(readNpus("Snapdragon(R) X Elite - X1E78100 - Qualcomm(R) Oryon(TM) CPU", filesOf({}))).toHaveLength(1);
    expect(readNpus("AMD EPYC", filesOf({}))).toEqual([]);
  });
});

describe("macOS and Windows", () => {
  test("system_profiler: Apple's GPU, and a card with memory of its own", () => {
    const displays = [
      {
        _name: "Apple M3 Pro",
        sppci_cores: "18",
        sppci_model: "Apple M3 Pro",
        spdisplays_vendor: "sppci_vendor_Apple",
      },
      { sppci_model: "AMD Radeon Pro 5300M", spdisplays_vram: "4 GB", spdisplays_vendor: "AMD (0x1002)" },
    ];
    expect(parseSystemProfiler(JSON.stringify({ SPDisplaysDataType: displays }))).toEqual([
      { vendor: "apple", name: "Apple M3 Pro (18 cores)" },
      { vendor: "amd", name: "AMD Radeon Pro 5300M", memoryBytes: 4 * GIB },
    ]);
    expect(parseSystemProfiler("not json")).toEqual([]);
    expect(appleGpus("Apple M1")).toHaveLength(1);
    expect(appleGpus("Intel(R) Core(TM) i7-8850H")).toEqual([]);
  });

  test("PowerShell: one card is an object, several are an array, Windows' own adapter is none", () => {
    const card = { Name: "NVIDIA GeForce RTX 3060", AdapterCompatibility: "NVIDIA", DriverVersion: "32.0.15.6614" };
    const basic = {
      Name: "Microsoft Basic Display Adapter",
      AdapterCompatibility: "(Standard display types)",
      DriverVersion: null,
    };
    const found = [{ vendor: "nvidia", name: "NVIDIA GeForce RTX 3060", driver: "32.0.15.6614" }];
    expect(parseWindowsGpus(JSON.stringify(card))).toEqual(found);
    expect(parseWindowsGpus(JSON.stringify([basic, card]))).toEqual(found);
    expect(parseWindowsGpus("")).toEqual([]);
  });
});

describe("CUDA", () => {
  test("libraries on the loader's paths, each version once", () => {
    const ldconfig = [
      "1190 libs found in cache `/etc/ld.so.cache'",
      "\tlibcudart.so.12 (libc6,x86-64) => /usr/local/cuda-12.6/lib64/libcudart.so.12",
      "\tlibcudart.so.12 (libc6,x86-64) => /opt/other/libcudart.so.12",
      "\tlibcudart.so (libc6,x86-64) => /usr/local/cuda/lib64/libcudart.so",
      "\tlibcudnn.so.9 (libc6,x86-64) => /lib/x86_64-linux-gnu/libcudnn.so.9",
      "\tlibcudnn_ops.so.9 (libc6,x86-64) => /lib/x86_64-linux-gnu/libcudnn_ops.so.9",
    ].join("\n");
    expect(cudaLibraries(parseLdconfig(ldconfig))).toEqual({
      runtimes: [{ version: "12", path: "/usr/local/cuda-12.6/lib64/libcudart.so.12" }],
      cudnns: [{ version: "9", path: "/lib/x86_64-linux-gnu/libcudnn.so.9" }],
    });
  });

  test("LD_LIBRARY_PATH counts, and comes first", async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "libcudart.so.12.4.127"), "");
    const { runtimes } = await readCuda(`/nowhere:${folder.path}`);
    expect(runtimes[0]).toEqual({ version: "12.4.127", path: join(folder.path, "libcudart.so.12.4.127") });
  });

  test("what a provider library was built for, also where the name lies across two reads", async () => {
    await using folder = await temporaryFolder();
    const library = async (before: number, name: string) => {
      const path = join(folder.path, `${before}.so`);
      await writeFile(path, Buffer.concat([Buffer.alloc(before), Buffer.from(`\0${name}\0`), Buffer.alloc(100)]));
      return path;
    };
    expect(await builtFor(await library(100, "libcublasLt.so.12"))).toBe(12);
    expect(await builtFor(await library(4 * 1024 * 1024 - 9, "libcudart.so.13"))).toBe(13);
    expect(await builtFor(await library(7, "libm.so.6"))).toBeUndefined();
    expect(await builtFor(join(folder.path, "missing.so"))).toBeUndefined();
  });
});

describe("probing", () => {
  test("this machine, in either depth", async () => {
    for (const depth of ["quick", "thorough"] as const) {
      const found = await probeAccelerators(depth);
      expect(acceleratorsSchema.parse(found)).toEqual(found);
      expect(await probeAccelerators(depth)).toBe(found);
    }
  });

  test("a tool that is missing, fails or hangs says nothing", async () => {
    expect(await runTool("no-such-tool-anywhere", [])).toBeUndefined();
    expect(await runTool(process.execPath, ["-e", "process.exit(1)"])).toBeUndefined();
    const startedAt = performance.now();
    expect(await runTool(process.execPath, ["-e", "setInterval(() => {}, 1000)"], 100)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await runTool(process.execPath, ["-p", "40 + 2"])).toBe("42\n");
  });

  test("files that are not there", () => {
    expect(systemFiles.read("/no/such/file")).toBeUndefined();
    expect(systemFiles.list("/no/such/folder")).toEqual([]);
  });

  test("any text at all is answered, within the schema's limits", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 400, unit: "binary" }), fc.json(), async (text, value) => {
        const files: SystemFiles = { read: () => text, list: () => ["card0", "accel0", text] };
        for (const said of [text, value]) {
          const gpus = [
            ...parseNvidiaSmi(said),
            ...parseSystemProfiler(said),
            ...parseWindowsGpus(said),
            ...(await linuxGpus(async () => said, files)),
          ];
          const found = { gpus, npus: readNpus(said, files), cuda: cudaLibraries(parseLdconfig(said)) };
          expect(acceleratorsSchema.safeParse(found).success).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });
});
