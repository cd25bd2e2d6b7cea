import { type Gpu, gpu } from "./gpu.ts";
import type { SystemFiles } from "./read-text.ts";

/** PCI ids of vendors. */
const VENDORS = new Map<string, Gpu["vendor"]>([
  ["0x10de", "nvidia"],
  ["0x1002", "amd"],
  ["0x8086", "intel"],
]);
const TITLES = {
  nvidia: "NVIDIA",
  amd: "AMD",
  intel: "Intel",
  qualcomm: "Qualcomm",
  apple: "Apple",
  other: "",
} as const;

const ROOT = "/sys/class/drm";

/**
 * Cards of Linux's direct rendering manager. Only AMD's driver tells a product's name and its memory; others are named by vendor and
 * PCI id. Screens (`card0-HDMI-A-1`) and cards that only show pictures (of a virtual machine or a server's console) are left out.
 */
export function readDrm(files: SystemFiles): Gpu[] {
  const cards = files.list(ROOT).filter((name) => /^card\d+$/.test(name));
  return cards.flatMap((card) => {
    const device = `${ROOT}/${card}/device`;
    const uevent = files.read(`${device}/uevent`) ?? "";
    const driver = /^DRIVER=(.+)$/m.exec(uevent)?.[1];
    const id = /^PCI_ID=(\w+:\w+)$/m.exec(uevent)?.[1];
    const vendor =
      VENDORS.get((files.read(`${device}/vendor`) ?? "").trim()) ?? (driver === "msm" ? "qualcomm" : undefined);
    if (vendor === undefined) return [];
    const product = files.read(`${device}/product_name`)?.trim();
    const name = product || [TITLES[vendor], id ?? "GPU"].join(" ");
    const memoryBytes = Number(files.read(`${device}/mem_info_vram_total`) ?? Number.NaN);
    const found = gpu({ vendor, name, memoryBytes, driver });
    return found === undefined ? [] : [found];
  });
}
