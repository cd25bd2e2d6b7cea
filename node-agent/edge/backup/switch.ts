import { readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type DataFolder, writePrivateFile } from "../../data-folder.ts";
import { EXTRA_FILES } from "./manifest.ts";

/** What is being switched: folders beside the state, by name. */
const switchSchema = z.object({
  restored: z.string().regex(/^edge-restored-[\w-]+$/),
  aside: z.string().regex(/^edge-before-restore-[\w-]+$/),
});

/**
 * Puts a restored folder (`state` and extra files) in the state's place, and the state aside. Once the plan is written down it is
 * finished whatever happens, by `finishRestore` if not now: nobody starts on half of it.
 */
export async function switchState(folder: DataFolder, restored: string, aside: string): Promise<void> {
  await writePrivateFile(planFile(folder), `${JSON.stringify(switchSchema.parse({ restored, aside }))}\n`);
  await finishRestore(folder);
}

/** Finishes a switch that was interrupted. To be called by who has claimed the folder, before its state is used. */
export async function finishRestore(folder: DataFolder): Promise<void> {
  const text = await readFile(planFile(folder), "utf8").catch(() => undefined); // there is none, mostly
  if (text === undefined) return;
  const { restored, aside } = switchSchema.parse(JSON.parse(text));
  const from = join(folder.root, restored);
  const away = join(folder.root, aside);
  // Each step is done once: what has been moved is no longer where it would be moved from.
  if (await exists(join(from, "state"))) {
    if (await exists(folder.edge)) await rename(folder.edge, away);
    await rename(join(from, "state"), folder.edge);
  }
  for (const name of EXTRA_FILES) {
    const current = join(folder.root, name);
    if (!(await exists(join(from, name)))) continue;
    if (await exists(current)) await rename(current, join(folder.root, `${aside}-${name}`));
    await rename(join(from, name), current);
  }
  await rm(from, { recursive: true, force: true });
  await rm(planFile(folder), { force: true });
}

function planFile(folder: DataFolder): string {
  return join(folder.root, "edge-restore.json");
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
