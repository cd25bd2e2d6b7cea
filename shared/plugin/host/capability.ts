/** One use of a capability: JSON in and out, with bytes beside it where there are any. What it throws is told the plugin. */
export type Capability = (
  argument: unknown,
  bytes: Uint8Array<ArrayBuffer>,
) => Promise<{ value: unknown; bytes?: Uint8Array<ArrayBuffer> }>;

/** Parts of a context that a grant adds. */
export type Grant = "fetch" | "storage" | "secret" | "model" | "files" | "hostTool";

/** What one call may use: what is not here does not exist for it. */
export interface Granted {
  grants: readonly Grant[];
  capabilities: ReadonlyMap<string, Capability>;
}
