import { findModels, type FoundModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes, formatParameters, formatTable } from "./models-units.ts";

/** `porchlight models list`. */
export async function listModels({ flags, modelsDir }: ModelsContext): Promise<number> {
  const found = await findModels(modelsDir);
  if (flags.json) process.stdout.write(`${JSON.stringify({ models: found.map(describeModel) })}\n`);
  else
    process.stdout.write(
      `${formatTable(["NAME", "ARCHITECTURE", "PARAMETERS", "RUNS AS", "SIZE", "WHERE"], found.map(row))}\n`,
    );
  return 0;
}

/** A model as `--json` gives it. */
export function describeModel({ model, place, bytes, bundled, manifest }: FoundModel) {
  return {
    name: model.name,
    folder: place,
    bytes,
    bundled,
    usable: model.usable,
    ...(model.usable ? model.info : { problem: model.problem }),
    ...(manifest === undefined
      ? {}
      : { source: manifest.source, revision: manifest.revision, pulledAt: manifest.pulledAt }),
  };
}

function row({ model, place, bytes, bundled }: FoundModel): string[] {
  const where = bundled ? "comes with Porchlight" : place;
  if (!model.usable) return [model.name, "cannot be loaded", "", "", formatBytes(bytes), where];
  const { architecture, parameters, quantization } = model.info;
  return [model.name, architecture, formatParameters(parameters), quantization, formatBytes(bytes), where];
}
