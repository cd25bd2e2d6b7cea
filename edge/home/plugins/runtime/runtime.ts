import type { PluginCaller } from "../../../../shared/plugin/context.ts";
import type { Granted } from "../../../../shared/plugin/host/capability.ts";
import type { HostPorts } from "../../../../shared/plugin/host/grants.ts";

/** A package as a runtime gets it: by its hash, its bytes if it has to ask for them. */
export interface RuntimePackage {
  hash: string;
  /** Throws PorchlightError where the store does not have it. */
  load: () => Promise<Uint8Array>;
  /** Whose it is: isolates are never shared by two people. */
  owner: string;
}

export interface RuntimeCall extends RuntimePackage {
  tool: string;
  /** JSON, checked against the tool's schema. */
  input: string;
  caller: PluginCaller;
  granted: Granted;
  /** Hosts of `fetch`: where it is done by the runtime itself, `granted` has none. */
  net: readonly string[];
  wallTimeMs: number;
  signal: AbortSignal;
}

/** A place where plugins run. */
export interface PluginRuntime {
  readonly place: "edge" | "home";
  /** What calls there are given of the place itself: a way out, where the edge is it. */
  readonly ports: Pick<HostPorts, "guardedFetch">;
  /** Whether it can take a call now. */
  isThere(): boolean;
  /** What its code says of its tools, as JSON: the word of untrusted code. Throws PorchlightError as `call` does. */
  describe(plugin: RuntimePackage, signal: AbortSignal): Promise<string>;
  /** The result as JSON. Throws PorchlightError `plugin_failed`, `plugin_timeout`, `plugin_crashed`, `plugin_no_runtime`, `cancelled`. */
  call(call: RuntimeCall): Promise<string>;
}
