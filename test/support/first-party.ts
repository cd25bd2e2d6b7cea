import { fileURLToPath } from "node:url";
import { buildPlugin } from "../../node-agent/plugins/build.ts";
import { grant, type HostPorts } from "../../shared/plugin/host/grants.ts";
import { PluginSandbox } from "../../node-agent/plugins/sandbox.ts";
import type { PluginCaller } from "../../shared/plugin/context.ts";
import { type PluginPackage, readPackage, writePackage } from "../../shared/plugin/package.ts";
import type { ToolDescription } from "../../shared/plugin/tool-list.ts";

export interface FirstParty {
  package: PluginPackage;
  /** Of the whole package. */
  bytes: number;
  tools: ToolDescription[];
  /** A tool's result in the real sandbox. */
  call: (tool: string, input: object, ports?: HostPorts, caller?: PluginCaller) => Promise<unknown>;
  stop: () => Promise<void>;
}

/** A plugin of this repository, packed, read back and granted all that it asks for. Stop it at the end. */
export async function firstParty(name: string): Promise<FirstParty> {
  const { manifest, files } = await buildPlugin(fileURLToPath(new URL(`../../plugins/${name}`, import.meta.url)));
  const bytes = writePackage(manifest, files);
  const plugin = await readPackage(bytes);
  const sandbox = new PluginSandbox({ processes: 1 });
  return {
    package: plugin,
    bytes: bytes.length,
    tools: await sandbox.describe(plugin),
    async call(tool, input, ports = {}, caller = { locale: "en", timeZone: "UTC" }) {
      return await sandbox.call({ package: plugin, tool, input, caller, granted: grant(manifest.permissions, ports) });
    },
    stop: async () => await sandbox.stop(),
  };
}
