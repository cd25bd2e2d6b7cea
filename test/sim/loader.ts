import { registerHooks } from "node:module";

/** A fault put into the text of one of the product's files as it is loaded: `find` must be in it exactly once. */
export interface Plant {
  /** From the repository's root. */
  file: string;
  find: string;
  replace: string;
}

const ROOT = new URL("../../", import.meta.url).href;
const SIM = new URL("./", import.meta.url).href;

/** Modules that product code gets in the place of its own. */
const INSTEAD: Record<string, string> = {
  "cloudflare:workers": `${SIM}edge/workerd.ts`,
  ws: `${SIM}agent/ws.ts`,
  [`${ROOT}shared/protocol/session.ts`]: `${SIM}probes.ts`,
};

/**
 * Puts the world's runtime in the place of the real ones, and faults into the text of modules, for every module loaded from now on.
 * Nothing on disk changes.
 */
export function hookModules(plants: readonly Plant[]): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const isProduct = context.parentURL?.startsWith(ROOT) === true && !context.parentURL.startsWith(SIM);
      if (!isProduct) return next(specifier, context);
      const instead = INSTEAD[specifier];
      if (instead !== undefined) return { url: instead, shortCircuit: true, format: "module-typescript" };
      const resolved = next(specifier, context);
      const url = INSTEAD[resolved.url];
      return url === undefined ? resolved : { ...resolved, url };
    },
    load: (url, context, next) => {
      const loaded = next(url, context);
      const mine = plants.filter(({ file }) => url === ROOT + file);
      if (mine.length === 0) return loaded;
      const source = mine.reduce(plant, Buffer.from(loaded.source as Uint8Array).toString());
      return { ...loaded, source };
    },
  });
}

function plant(source: string, { file, find, replace }: Plant): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`'${find}' is ${parts.length - 1} times in ${file}; plant it anew.`);
  return parts.join(replace);
}
