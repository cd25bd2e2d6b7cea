import { z } from "zod";
import type { SystemFiles } from "./read-text.ts";

/** A processor for neural networks beside CPU and GPU. */
export const npuSchema = z.object({ name: z.string().max(128) });
export type Npu = z.infer<typeof npuSchema>;

/** Drivers under Linux's accelerator class. */
const DRIVERS = new Map([
  ["intel_vpu", "Intel NPU"],
  ["amdxdna", "AMD XDNA NPU"],
  ["qaic", "Qualcomm Cloud AI"],
]);

const ROOT = "/sys/class/accel";

/** What the processor's name and, on Linux, the kernel's list of accelerators tell. */
export function readNpus(cpuModel: string, files: SystemFiles): Npu[] {
  const listed = files.list(ROOT).flatMap((device) => {
    const driver = /^DRIVER=(.+)$/m.exec(files.read(`${ROOT}/${device}/device/uevent`) ?? "")?.[1];
    return driver === undefined ? [] : [{ name: (DRIVERS.get(driver) ?? `${driver} accelerator`).slice(0, 128) }];
  });
  if (/^Apple M\d/.test(cpuModel)) return [{ name: "Apple Neural Engine" }, ...listed];
  if (/Snapdragon.*\bX/.test(cpuModel)) return [{ name: "Qualcomm Hexagon" }, ...listed];
  return listed;
}
