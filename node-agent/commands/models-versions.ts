import { measureStore, type VersionUsage } from "../model/store/usage.ts";
import { formatBytes, formatTable } from "./models-units.ts";

/** `porchlight models list --versions`. */
export async function listAllVersions(modelsDir: string, json: boolean): Promise<number> {
  const { versions, blobBytes, sharedBytes } = await measureStore(modelsDir);
  if (json) {
    process.stdout.write(`${JSON.stringify({ versions: versions.map(describe), blobBytes, sharedBytes })}\n`);
    return 0;
  }
  const head = ["NAME", "VERSION", "STATE", "SIZE", "ONLY ITS OWN", "SINCE", "SOURCE"];
  process.stdout.write(`${formatTable(head, versions.map(row))}\n`);
  process.stdout.write(`\n${sharing(blobBytes, sharedBytes)}\n`);
  return 0;
}

/** How much room the store takes, and how much it saves, in a sentence. */
export function sharing(blobBytes: number, sharedBytes: number): string {
  const saved = sharedBytes > 0 ? `, ${formatBytes(sharedBytes)} less than if nothing were shared` : "";
  return `The store takes ${formatBytes(blobBytes)}${saved}.`;
}

function describe({ name, id, active, pinned, bytes, ownBytes, folder, manifest }: VersionUsage) {
  const { source, revision, pulledAt } = manifest;
  return { name, version: id, active, pinned, bytes, ownBytes, folder, source, revision, pulledAt };
}

function row({ name, id, active, pinned, bytes, ownBytes, manifest }: VersionUsage): string[] {
  const state = [...(active ? ["active"] : []), ...(pinned ? ["pinned"] : [])].join(", ");
  const { source, revision, pulledAt } = manifest;
  const from = revision === undefined ? source : `${source} @ ${revision.slice(0, 12)}`;
  return [name, id, state, formatBytes(bytes), formatBytes(ownBytes), pulledAt.slice(0, 10), from];
}
