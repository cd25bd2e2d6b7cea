import { probeHardware } from "../hardware/probe.ts";
import { suggestModels } from "../model/store/catalogue.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes, formatParameters, formatTable } from "./models-units.ts";

/** `porchlight models suggest`: good small models, seen from this machine's memory. */
export async function suggest({ flags }: ModelsContext): Promise<number> {
  const { totalBytes } = probeHardware().memory;
  const suggestions = suggestModels(totalBytes);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ memoryBytes: totalBytes, suggestions })}\n`);
    return 0;
  }
  const rows = suggestions.map((model) => {
    const verdict = !model.loadable
      ? "not in this build yet"
      : !model.fits
        ? "too large for this machine"
        : model.recommended
          ? "recommended"
          : "fits";
    const { name, parameters, downloadBytes, memoryBytes, licence, goodFor } = model;
    return [
      name,
      formatParameters(parameters),
      formatBytes(downloadBytes),
      formatBytes(memoryBytes),
      licence,
      verdict,
      goodFor,
    ];
  });
  const best = suggestions.find(({ recommended }) => recommended);
  const head = ["NAME", "PARAMETERS", "DOWNLOAD", "MEMORY", "LICENCE", "HERE", "GOOD FOR"];
  process.stdout.write(`${formatTable(head, rows)}\n`);
  if (best) process.stdout.write(`\nFor ${formatBytes(totalBytes)} of memory: porchlight models pull ${best.name}\n`);
  return 0;
}
