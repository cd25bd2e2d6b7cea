import { findModels, type FoundModel } from "./models-find.ts";
import { measureStore } from "../model/store/usage.ts";
import { listAllVersions, sharing } from "./models-versions.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes, formatParameters, formatTable } from "./models-units.ts";

/** `porchlight models list`. */
export async function listModels({ flags, modelsDir }: ModelsContext): Promise<number> {
  if (flags.versions) return await listAllVersions(modelsDir, flags.json);
  const [found, { blobBytes, sharedBytes }] = await Promise.all([findModels(modelsDir), measureStore(modelsDir)]);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ models: found.map(describeModel), blobBytes, sharedBytes })}\n`);
    return 0;
  }
  process.stdout.write(
    `${formatTable(["NAME", "ARCHITECTURE", "PARAMETERS", "TASK", "RUNS AS", "SIZE", "WHERE"], found.map(row))}\n`,
  );
  if (sharedBytes > 0) process.stdout.write(`\n${sharing(blobBytes, sharedBytes)}\n`);
  return 0;
}

/** A model as `--json` gives it. */
export function describeModel({ model, place, bytes, bundled, manifest, version }: FoundModel) {
  return {
    name: model.name,
    folder: place,
    bytes,
    bundled,
    ...(version === undefined ? {} : { version }),
    usable: model.usable,
    ...(model.usable ? model.info : { problem: model.problem }),
    ...(manifest === undefined
      ? {}
      : { source: manifest.source, revision: manifest.revision, pulledAt: manifest.pulledAt }),
  };
}

function row({ model, place, bytes, bundled }: FoundModel): string[] {
  const where = bundled ? "comes with Porchlight" : place;
  if (!model.usable) return [model.name, "cannot be loaded", "", "", "", formatBytes(bytes), where];
  const { architecture, parameters, task, quantization } = model.info;
  return [model.name, architecture, formatParameters(parameters), task, quantization, formatBytes(bytes), where];
}
