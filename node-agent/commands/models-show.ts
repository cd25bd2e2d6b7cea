import type { ManifestFile } from "../model/store/manifest.ts";
import { findModel } from "./models-find.ts";
import { describeModel } from "./models-list.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes, formatParameters, formatTable } from "./models-units.ts";

/** `porchlight models show`: what is known of one model. */
export async function showModel({ flags, modelsDir, model: name }: ModelsContext): Promise<number> {
  const found = await findModel(modelsDir, name);
  const { model, manifest } = found;
  if (flags.json) {
    process.stdout.write(
      `${JSON.stringify({ ...describeModel(found), files: manifest?.files.map(describeFile) ?? [] })}\n`,
    );
    return 0;
  }
  const facts: [string, string][] = [
    ["Name", model.name],
    ["Where", found.place],
    ["Size", formatBytes(found.bytes)],
    ...(model.usable
      ? ([
          ["Architecture", model.info.architecture],
          ["Task", model.info.task],
          ["Parameters", formatParameters(model.info.parameters)],
          ["Context", `${model.info.contextLength} tokens`],
          ["Runs as", model.info.quantization],
        ] satisfies [string, string][])
      : ([["Problem", model.problem]] satisfies [string, string][])),
    ...(manifest === undefined
      ? []
      : ([
          ["Source", manifest.source],
          ["Revision", manifest.revision ?? "none"],
          ...(found.version === undefined ? [] : ([["Version", found.version]] satisfies [string, string][])),
          ["Pulled", manifest.pulledAt],
        ] satisfies [string, string][])),
  ];
  const width = Math.max(...facts.map(([label]) => label.length)) + 2;
  process.stdout.write(`${facts.map(([label, fact]) => `${label.padEnd(width)}${fact}`).join("\n")}\n`);
  if (manifest) {
    const rows = manifest.files.map(({ name: file, bytes, sha256 }) => [file, formatBytes(bytes), sha256]);
    process.stdout.write(`\n${formatTable(["FILE", "SIZE", "SHA-256"], rows)}\n`);
  }
  return 0;
}

/** Of hashes per tensor there may be thousands. */
function describeFile({ tensors, ...file }: ManifestFile) {
  return { ...file, ...(tensors === undefined ? {} : { tensors: tensors.length }) };
}
