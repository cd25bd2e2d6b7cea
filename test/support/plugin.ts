import { manifestDraftSchema } from "../../shared/plugin/manifest.ts";
import { completeManifest, type PluginPackage, readPackage, writePackage } from "../../shared/plugin/package.ts";

/** A plugin whose tools are these bodies of `async ({ input, ...context }) => ...`. */
export async function plugin(
  bodies: Record<string, string>,
  name = "@test/escape",
  permissions: object = {},
  effect: "read" | "write" = "read",
): Promise<PluginPackage> {
  const tools = Object.entries(bodies).map(
    ([tool, body]) =>
      `${tool}: { description: "d", effect: "${effect}", input: { type: "object" }, async execute(context) { ${body} } }`,
  );
  const files = new Map([["main.js", new TextEncoder().encode(`export default { tools: { ${tools.join(",")} } };`)]]);
  const words = { en: "Escape", zh: "逃逸" };
  const draft = {
    name,
    version: "1.0.0",
    title: words,
    description: words,
    kind: "tool",
    entry: "main.js",
    permissions,
  };
  return await readPackage(writePackage(await completeManifest(manifestDraftSchema.parse(draft), files), files));
}
