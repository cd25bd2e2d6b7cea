import { readFile } from "node:fs/promises";
import { toBase64 } from "../../shared/base64.ts";
import type { PluginPackage } from "../../shared/plugin/package.ts";

const SHIM = new URL("guest/shim.worker.js", import.meta.url);
/** As in wrangler.toml: what a plugin finds at home is what it finds at the edge. */
export const COMPATIBILITY_DATE = "2026-10-01";

/** A package as the modules of an isolate: code as code, wasm compiled, everything else as an ArrayBuffer. */
export async function guestCode({ manifest, files }: Pick<PluginPackage, "manifest" | "files">): Promise<string> {
  const shim = (await readFile(SHIM, "utf8")).replace("PLUGIN_ENTRY", `./plugin/${manifest.entry}`);
  const modules = [...files].map(([path, bytes]) => {
    const type = /\.m?js$/.test(path) ? "js" : path.endsWith(".wasm") ? "wasm" : "data";
    const content = type === "js" ? new TextDecoder().decode(bytes) : toBase64(bytes);
    return { path: `plugin/${path}`, type, content };
  });
  return JSON.stringify({
    compatibilityDate: COMPATIBILITY_DATE,
    mainModule: "shim.js",
    files: [{ path: "shim.js", type: "js", content: shim }, ...modules],
  });
}
