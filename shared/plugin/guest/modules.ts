import type { PluginPackage } from "../package.ts";
import { SHIM } from "./shim.ts";

/** As in wrangler.toml: what a plugin finds at home is what it finds at the edge. */
export const COMPATIBILITY_DATE = "2026-10-01";
/** No module of Node's: a plugin has what it was granted and the Web's own objects. */
export const COMPATIBILITY_FLAGS = ["no_nodejs_compat", "no_nodejs_compat_v2"];
export const MAIN_MODULE = "shim.js";

/** One module of an isolate: code as its text, everything else as its bytes. */
export type GuestModule =
  | { path: string; type: "js"; content: string }
  | { path: string; type: "wasm" | "data"; content: Uint8Array };

/** A package as the modules of an isolate: code as code, wasm compiled, everything else as an ArrayBuffer. */
export function guestModules({ manifest, files }: Pick<PluginPackage, "manifest" | "files">): GuestModule[] {
  const modules = [...files].map(([path, bytes]): GuestModule => {
    if (/\.m?js$/.test(path)) return { path: `plugin/${path}`, type: "js", content: new TextDecoder().decode(bytes) };
    return { path: `plugin/${path}`, type: path.endsWith(".wasm") ? "wasm" : "data", content: bytes };
  });
  const shim = SHIM.replace("PLUGIN_ENTRY", `./plugin/${manifest.entry}`);
  return [{ path: MAIN_MODULE, type: "js", content: shim }, ...modules];
}
