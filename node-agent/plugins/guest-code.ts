import { toBase64 } from "../../shared/base64.ts";
import {
  COMPATIBILITY_DATE,
  COMPATIBILITY_FLAGS,
  guestModules,
  MAIN_MODULE,
} from "../../shared/plugin/guest/modules.ts";
import type { PluginPackage } from "../../shared/plugin/package.ts";

/** A package as the dispatcher takes it: JSON, bytes as base64. */
export function guestCode(plugin: Pick<PluginPackage, "manifest" | "files">): string {
  const files = guestModules(plugin).map((one) =>
    one.type === "js" ? one : { ...one, content: toBase64(one.content) },
  );
  return JSON.stringify({
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: COMPATIBILITY_FLAGS,
    mainModule: MAIN_MODULE,
    files,
  });
}
