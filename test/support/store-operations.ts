import { addToStore } from "../../node-agent/model/store/add.ts";
import { rollBack } from "../../node-agent/model/store/choose-version.ts";
import { findLocalFiles, linkModel } from "../../node-agent/model/store/import-local.ts";
import { removeModel, removeVersion } from "../../node-agent/model/store/remove.ts";
import { listVersions } from "../../node-agent/model/store/versions.ts";

/** What a test does to the model "m" of a store, with the folder of its next version. */
export const OPERATIONS = {
  add: async (modelsDir: string, folder: string) => {
    await addToStore({ modelsDir, name: "m", folder, source: "next" });
  },
  "roll-back": async (modelsDir: string) => {
    await rollBack(modelsDir, "m");
  },
  remove: async (modelsDir: string) => {
    await removeModel(modelsDir, "m");
  },
  "remove-version": async (modelsDir: string) => {
    const old = (await listVersions(modelsDir, "m")).find(({ active }) => !active);
    if (old) await removeVersion(modelsDir, "m", old.id);
  },
  link: async (modelsDir: string, folder: string) => {
    const found = await findLocalFiles(folder);
    await linkModel(found, { modelsDir, name: "m", signal: new AbortController().signal });
  },
} as const;

export type Operation = keyof typeof OPERATIONS;
