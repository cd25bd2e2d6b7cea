import { PorchlightError } from "../../../shared/errors.ts";
import type { ManifestDraft } from "../../../shared/plugin/manifest.ts";
import type { PluginRuntime } from "./runtime/runtime.ts";

/**
 * Where a plugin runs: at home if it asks for that; else at the edge, where this edge can, else at home. Throws PorchlightError
 * `plugin_no_runtime`.
 */
export function chooseRuntime(runtimes: readonly PluginRuntime[], runsOn: ManifestDraft["runsOn"]): PluginRuntime {
  const wanted = runsOn === "home" ? (["home"] as const) : (["edge", "home"] as const);
  for (const place of wanted) {
    const found = runtimes.find((one) => one.place === place && one.isThere());
    if (found !== undefined) return found;
  }
  throw new PorchlightError("plugin_no_runtime");
}
