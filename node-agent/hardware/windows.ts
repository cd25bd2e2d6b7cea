import { z } from "zod";
import { type Gpu, gpu, vendorOf } from "./gpu.ts";
import { parseJson } from "./parse-json.ts";

/** PowerShell takes a second or more to start: ask only where the answer is wanted. */
export const POWERSHELL_TIMEOUT_MS = 10_000;

/** What `parseWindowsGpus` reads. AdapterRAM is of 32 bits and says 4 GiB of anything larger, so it is not asked for. */
export const POWERSHELL_ARGS = [
  "-NoProfile",
  "-NonInteractive",
  "-Command",
  "Get-CimInstance Win32_VideoController | Select-Object Name,AdapterCompatibility,DriverVersion | ConvertTo-Json -Compress",
];

const controllerSchema = z.object({
  Name: z.string().nullish(),
  AdapterCompatibility: z.string().nullish(),
  DriverVersion: z.string().nullish(),
});

/** Reads PowerShell's JSON, which is an object for one card and an array for several. Windows' own software adapters are left out. */
export function parseWindowsGpus(text: string): Gpu[] {
  const found = parseJson(z.union([controllerSchema, z.array(controllerSchema)]), text) ?? [];
  return [found].flat().flatMap((card) => {
    const { Name: name, AdapterCompatibility: maker, DriverVersion: driver } = card;
    if (/^Microsoft (Basic|Remote|Hyper-V)/.test(name ?? "")) return [];
    const vendor = vendorOf(`${maker ?? ""} ${name ?? ""}`);
    const one = gpu({ vendor, name: name ?? undefined, memoryBytes: undefined, driver: driver ?? undefined });
    return one === undefined ? [] : [one];
  });
}
