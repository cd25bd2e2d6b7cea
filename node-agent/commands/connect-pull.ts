import type { DataFolder } from "../data-folder.ts";
import type { Hardware } from "../hardware/probe.ts";
import { suggestModels } from "../model/store/catalogue.ts";
import { findModels } from "./models-find.ts";
import { models } from "./models.ts";
import { say } from "./terminal.ts";

/** Pulls the smallest model of the catalogue that fits this machine, if only the starter is here that can chat. */
export async function pullFitting(folder: DataFolder, hardware: Hardware): Promise<void> {
  const here = await findModels(folder.models);
  if (here.some(({ bundled, model }) => !bundled && model.usable && model.info.task === "generate")) return;
  const fitting = suggestModels(hardware.memory.totalBytes).filter(({ loadable, fits }) => loadable && fits);
  const [smallest] = fitting.toSorted((a, b) => a.downloadBytes - b.downloadBytes);
  if (!smallest) return say("No model of the catalogue fits this machine; the starter answers.");
  const flags = { json: false, yes: false, link: false, force: false, versions: false, data: folder.root };
  await models(flags, ["pull", smallest.name]);
}
