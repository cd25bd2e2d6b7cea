import { z } from "zod";
import { ArchiveKeeper, archiveFiles } from "../../node-agent/archive/keeper.ts";
import { newBackupKey, readBackupKey, writeBackupKey } from "../../node-agent/archive/backup-key.ts";
import { EdgeBackup } from "../../node-agent/archive/backup-source.ts";
import { restore } from "../../node-agent/archive/restore.ts";
import { Sealer } from "../../node-agent/archive/seal.ts";
import { endChild } from "../../node-agent/end-process.ts";
import { enrol } from "../../node-agent/link/enrol.ts";
import { isPaired, loadIdentity, type PairedIdentity, savePairing } from "../../node-agent/link/identity.ts";
import { createLink } from "../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { directionOf, EMBEDDER } from "./sessions-meaning.ts";

/**
 * An agent with the real link and archive, and no model but one that gives each text a direction. Says when it is online, and what the archive has whenever it is asked. Started
 * again without a link to pair by, it takes its conversations from the backup first, and says how that went.
 */

const backend: InferenceBackend = {
  listModels: async () => await Promise.resolve([{ ...EMBEDDER, online: true }]),
  embed: async ({ inputs }) =>
    await Promise.resolve({ vectors: inputs.map((input) => directionOf(String(input))), promptTokens: inputs.length }),
  async *generate() {
    yield await Promise.reject(new Error("This machine has no model to chat with."));
  },
};

process.once("disconnect", endChild);
const { enrolUrl, identityFile, folder, embeds } = z
  .object({
    enrolUrl: z.url().optional(),
    identityFile: z.string(),
    folder: z.string(),
    embeds: z.boolean().default(false),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
const { key: keyFile } = archiveFiles(folder);
if (enrolUrl !== undefined) await writeBackupKey(keyFile, newBackupKey());
const keeper = await ArchiveKeeper.open(folder);
process.on("message", () => void keeper.archive.check().then((found) => process.send?.(found)));
const identity = await paired(enrolUrl);
const { pairing } = identity;
if (enrolUrl === undefined) {
  // Its archive was lost, and its owner typed the phrase: what `porchlight restore` does.
  const key = await readBackupKey(keyFile);
  if (key === undefined) throw new Error("The key is gone.");
  const began = performance.now();
  const report = await restore({ source: new EdgeBackup(identity), sealer: new Sealer(key), archive: keeper.archive });
  process.send?.({ ...report, seconds: (performance.now() - began) / 1000 });
}
createLink({
  ...pairing,
  identity,
  backend,
  archive: keeper,
  status: () => ({
    type: "status",
    agentVersion: "bench",
    machine: { name: "bench", os: "none", arch: "none", cpu: "none", cores: 1, memoryBytes: 1 },
    models: embeds ? [EMBEDDER] : [],
  }),
  onState: ({ state }) => {
    if (state === "online") process.send?.("online");
  },
}).start();

/** This machine, paired by a link the first time. */
async function paired(url: string | undefined): Promise<PairedIdentity> {
  const known = await loadIdentity(identityFile);
  if (isPaired(known)) return known;
  if (url === undefined) throw new Error("This machine is not paired.");
  return await savePairing(known, await enrol({ url, identity: known, name: "bench" }));
}
