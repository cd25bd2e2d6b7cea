import { z } from "zod";
import { ArchiveKeeper, archiveFiles } from "../../node-agent/archive/keeper.ts";
import { newBackupKey, writeBackupKey } from "../../node-agent/archive/backup-key.ts";
import { endChild } from "../../node-agent/end-process.ts";
import { enrol } from "../../node-agent/link/enrol.ts";
import { loadIdentity } from "../../node-agent/link/identity.ts";
import { createLink } from "../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../shared/inference/backend.ts";
import { noEmbeddings } from "../support/no-embeddings.ts";

/** An agent with the real link and archive but no model. Says when it is online, and what the archive has whenever it is asked. */

const none: InferenceBackend = {
  listModels: async () => await Promise.resolve([]),
  embed: noEmbeddings,
  async *generate() {
    yield await Promise.reject(new Error("This machine has no model."));
  },
};

process.once("disconnect", endChild);
const { enrolUrl, identityFile, folder } = z
  .object({ enrolUrl: z.url(), identityFile: z.string(), folder: z.string() })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
await writeBackupKey(archiveFiles(folder).key, newBackupKey());
const keeper = await ArchiveKeeper.open(folder);
process.on("message", () => void keeper.archive.check().then((found) => process.send?.(found)));
const identity = await loadIdentity(identityFile);
const pairing = await enrol({ url: enrolUrl, identity, name: "bench" });
createLink({
  ...pairing,
  identity: { ...identity, pairing },
  backend: none,
  archive: keeper,
  status: () => ({
    type: "status",
    agentVersion: "bench",
    machine: { name: "bench", os: "none", arch: "none", cpu: "none", cores: 1, memoryBytes: 1 },
    models: [],
  }),
  onState: ({ state }) => {
    if (state === "online") process.send?.("online");
  },
}).start();
