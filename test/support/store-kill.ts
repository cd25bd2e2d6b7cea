import { fork } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addToStore } from "../../node-agent/model/store/add.ts";
import { filesUnder } from "../../node-agent/model/store/file-system.ts";
import { hashFile } from "../../node-agent/model/store/file-hash.ts";
import { MANIFEST_FILE } from "../../node-agent/model/store/manifest.ts";
import { removeModel } from "../../node-agent/model/store/remove.ts";
import { listVersions } from "../../node-agent/model/store/versions.ts";
import { verifyFiles } from "../../node-agent/model/store/verify.ts";
import { noise } from "./hub-server.ts";
import { temporaryFolder } from "./model-temp.ts";
import { type Operation, OPERATIONS } from "./store-operations.ts";

const CHILD = new URL("store-child.ts", import.meta.url);

/** What the model "m" is before: a version in the store, two of them, or a plain folder. */
export type Before = "stored" | "twice" | "plain";

export interface Scenario {
  before: Before;
  operation: Operation;
}

/** Every way in which a store changes. */
export const SCENARIOS: readonly Scenario[] = [
  { before: "stored", operation: "add" },
  { before: "plain", operation: "add" },
  { before: "twice", operation: "roll-back" },
  { before: "twice", operation: "remove" },
  { before: "plain", operation: "remove" },
  { before: "twice", operation: "remove-version" },
  { before: "stored", operation: "link" },
  { before: "plain", operation: "link" },
];

/**
 * Does an operation in a process that is killed before its `step`th change of the disk, looks, and does it again to the end. Returns what is
 * wrong, and whether the process was killed (it was not once it has fewer steps).
 */
export async function killStore(
  { before, operation }: Scenario,
  step: number,
): Promise<{ killed: boolean; findings: string[] }> {
  await using folder = await temporaryFolder();
  const modelsDir = join(folder.path, "models");
  const versions = await Promise.all(
    [1, 2, 3].map((version) => writeVersion(join(folder.path, `v${version}`), version)),
  );
  const [first = "", second = "", third = ""] = versions;
  await mkdir(modelsDir);
  // Shares blobs with the first version, and must never notice anything.
  await addToStore({ modelsDir, name: "bystander", folder: first, source: "bystander" });
  if (before === "plain") await cp(first, join(modelsDir, "m"), { recursive: true });
  else await addToStore({ modelsDir, name: "m", folder: first, source: "first" });
  if (before === "twice") await addToStore({ modelsDir, name: "m", folder: second, source: "second" });
  const wasPlaces = [before === "twice" ? second : first];
  const isPlaces = { add: [third], "roll-back": [first], remove: [], "remove-version": [second], link: [third] }[
    operation
  ];

  const child = fork(CHILD, [operation, modelsDir, String(step), third], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [, signal] = await once(child, "exit");
  const killed = signal === "SIGKILL";
  const allowed = killed ? [...wasPlaces, ...isPlaces] : isPlaces;
  const findings: string[] = [];
  const seen = await read(join(modelsDir, "m"));
  // A plain folder, or a folder of links, has no place in the store that a link could go over to in one step: it may be out of sight until
  // the store is used again.
  const mayHide = operation === "remove" || (killed && (before === "plain" || operation === "link"));
  if (!(await isOneOf(seen, allowed)) && !(mayHide && seen === undefined)) findings.push(`m is ${describe(seen)}`);
  if (!(await isOneOf(await read(join(modelsDir, "bystander")), [first]))) findings.push("bystander has changed");

  // Any use of the store mends it.
  await addToStore({ modelsDir, name: "other", folder: second, source: "other" });
  await removeModel(modelsDir, "other");
  const mended = await read(join(modelsDir, "m"));
  const mayBeGone = operation === "remove" || operation === "link";
  if (!(await isOneOf(mended, allowed)) && !(mayBeGone && mended === undefined))
    findings.push(`m is mended to ${describe(mended)}`);

  if (operation !== "roll-back" || (await isOneOf(mended, wasPlaces))) await OPERATIONS[operation](modelsDir, third);
  const after = await read(join(modelsDir, "m"));
  if (operation === "remove" ? after !== undefined : !(await isOneOf(after, isPlaces)))
    findings.push(`m ends as ${describe(after)}`);
  findings.push(...(await checkStore(modelsDir)));
  return { killed, findings };
}

/** Every blob is what its name says and named by a version, every version is whole, nothing is left over. */
async function checkStore(modelsDir: string): Promise<string[]> {
  const findings: string[] = [];
  const named = new Set<string>();
  for (const name of await readdir(join(modelsDir, ".store", "models"))) {
    for (const { id, folder, manifest } of await listVersions(modelsDir, name)) {
      for (const { sha256 } of manifest.files) named.add(`sha256-${sha256}`);
      const bad = (await verifyFiles(modelsDir, folder, manifest)).filter(({ state }) => state !== "ok");
      findings.push(...bad.map((file) => `${id}: ${file.name} ${file.state}`));
    }
  }
  await removeModel(modelsDir, "nobody");
  const blobs = await readdir(join(modelsDir, ".store", "blobs"));
  for (const blob of blobs) {
    const path = join(modelsDir, ".store", "blobs", blob);
    const { sha256 } = await hashFile(path, (await readFile(path)).length);
    if (`sha256-${sha256}` !== blob) findings.push(`${blob} has another content`);
    if (!named.delete(blob)) findings.push(`${blob} is nobody's`);
  }
  findings.push(...[...named].map((blob) => `${blob} is missing`));
  const left = await readdir(join(modelsDir, ".store", "tmp"));
  if (left.length > 0) findings.push(`left over: ${left.join(", ")}`);
  return findings;
}

/** A model's files; undefined where there is none. */
async function read(folder: string): Promise<Map<string, string> | undefined> {
  const names = await filesUnder(folder).catch(() => undefined);
  if (names === undefined) return undefined;
  const files = names.filter((name) => name !== MANIFEST_FILE);
  return new Map(
    await Promise.all(files.map(async (name) => [name, await readFile(join(folder, name), "latin1")] as const)),
  );
}

async function isOneOf(seen: Map<string, string> | undefined, folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    const wanted = await read(folder);
    const isSame =
      seen?.size === wanted?.size && [...(wanted ?? [])].every(([name, content]) => seen?.get(name) === content);
    if (isSame) return true;
  }
  return false;
}

function describe(seen: Map<string, string> | undefined): string {
  return seen === undefined
    ? "gone"
    : `neither version: ${[...seen].map(([name, { length }]) => `${name} ${length}`).join(", ")}`;
}

/** A model that shares a file with every other version. */
async function writeVersion(folder: string, version: number): Promise<string> {
  await mkdir(folder);
  await writeFile(join(folder, "tokenizer.json"), noise(0, 20_000));
  await writeFile(join(folder, "config.json"), `{"version":${version}}`);
  await writeFile(join(folder, "model.safetensors"), noise(version, 50_000));
  return folder;
}
