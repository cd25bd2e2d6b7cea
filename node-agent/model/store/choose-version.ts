import { PorchlightError } from "../../../shared/errors.ts";
import { activeVersion, pinnedVersion, writePin } from "./active-version.ts";
import { adoptFolder } from "./adopt.ts";
import { switchVersion } from "./commit.ts";
import { isTaken } from "./file-system.ts";
import { storePaths, versionFolder } from "./layout.ts";
import { holding } from "./lock.ts";
import { openStaging } from "./model-store.ts";
import { withStore } from "./store-lock.ts";
import { listVersions, resolveVersion, type Version } from "./versions.ts";

/**
 * Makes a version of a model the active one, and keeps it through pulls. Without an id it is the active one; a plain folder is taken over
 * first. Returns the version's id. Throws `model_not_found` or `model_busy`.
 */
export async function pinVersion(modelsDir: string, name: string, id?: string): Promise<string> {
  return await changing(modelsDir, name, async () => {
    await adoptFolder(modelsDir, name);
    const active = await activeVersion(storePaths(modelsDir), name);
    const wanted = id ?? active;
    if (wanted === undefined) throw notStored(name);
    const version = await resolveVersion(modelsDir, name, wanted);
    await put(modelsDir, name, version, true);
    return version.id;
  });
}

/** Lets pulls move a model again. Returns whether it was pinned. */
export async function unpinVersion(modelsDir: string, name: string): Promise<boolean> {
  return await changing(modelsDir, name, () =>
    withStore(modelsDir, async (paths) => {
      const pinned = await pinnedVersion(paths, name);
      if (pinned !== undefined) await writePin(paths, name, undefined);
      return pinned !== undefined;
    }),
  );
}

/**
 * Makes another version of a model the active one: the one named, or the one that came before the active one. Returns both ids. Throws
 * `invalid_request` for a model that is pinned to another, `model_not_found` where there is none, `model_busy`.
 */
export async function rollBack(
  modelsDir: string,
  name: string,
  id?: string,
): Promise<{ from: string | undefined; to: string }> {
  return await changing(modelsDir, name, async () => {
    const versions = await listVersions(modelsDir, name);
    const from = versions.find(({ active }) => active)?.id;
    const to = id === undefined ? before(versions, name) : await resolveVersion(modelsDir, name, id);
    const pinned = versions.find((version) => version.pinned);
    if (pinned !== undefined && pinned.id !== to.id) {
      throw new PorchlightError(
        "invalid_request",
        `${name} is pinned to ${pinned.id}. Let go of it first: porchlight models unpin ${name}`,
      );
    }
    // What was put in the place of a version by hand becomes one itself.
    if (from === undefined) await adoptFolder(modelsDir, name);
    await put(modelsDir, name, to, false);
    return { from, to: to.id };
  });
}

/** Nobody else changes this model meanwhile. */
async function changing<T>(modelsDir: string, name: string, action: () => Promise<T>): Promise<T> {
  return await holding(await openStaging(modelsDir, name), action);
}

async function put(modelsDir: string, name: string, { id }: Version, pin: boolean): Promise<void> {
  await withStore(modelsDir, async (paths) => {
    if (!(await isTaken(versionFolder(paths, name, id)))) throw notStored(name);
    // The pin comes last: a process killed between leaves a model that runs what was wanted.
    if ((await activeVersion(paths, name)) !== id) await switchVersion(paths, name, id);
    if (pin) await writePin(paths, name, id);
  });
}

/** The one that came last before the active one did. */
function before(versions: readonly Version[], name: string): Version {
  const active = versions.findIndex((version) => version.active);
  const found = versions[active + 1];
  if (found !== undefined) return found;
  const message =
    versions.length > 1
      ? `${name} runs its oldest version. Name another: ${versions
          .slice(0, -1)
          .map(({ id }) => id)
          .join(", ")}.`
      : `${name} has no other version here. 'porchlight models list --versions' shows those there are.`;
  throw new PorchlightError("model_not_found", message);
}

function notStored(name: string): PorchlightError {
  const message = `${name} is only linked to, not in the store: it has no versions. Pull it, or its folder without --link, first.`;
  return new PorchlightError("model_not_found", message);
}
