import { mkdir, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where everything of one user's Porchlight lives on this machine. */
export interface DataFolder {
  root: string;
  /** State of the embedded edge: D1, Durable Objects, R2. */
  edge: string;
  /** The online keys of the market that this machine's edge is, if it is one. */
  marketKeys: string;
  /** What this machine trusts of its edge's market and which plugins that took back: of the embedded edge, or the remote one. */
  localMarket: string;
  remoteMarket: string;
  /** How `porchlight edge` fares on this folder, and the token of its set-up link, until somebody has set it up. */
  edgeRunning: string;
  setupToken: string;
  /** Key pair and pairing with the embedded edge; with a remote edge. */
  localIdentity: string;
  remoteIdentity: string;
  /** Cold conversations of the embedded edge's household, or of the remote one's, each with the key of their backup. */
  localArchive: string;
  remoteArchive: string;
  /** Packages of plugins that this machine has run. */
  plugins: string;
  /** Servers of MCP that the owner of this machine put on it. */
  mcp: string;
  /** Where the agent that serves the embedded edge, or the remote one, answers on loopback while it runs. */
  localAgent: string;
  remoteAgent: string;
  /** What was decided about this machine: in service or not, to be woken or not. */
  machine: string;
  /** What `porchlight set` chose of how models are run. */
  settings: string;
  /** Key of the agent's own API on loopback. */
  localKey: string;
  /** The owner's API key at the embedded edge. */
  owner: string;
  /** Which `porchlight up` runs on this folder, if one does. */
  running: string;
  /** Claimed by the process that starts on this folder, so that two at the same moment do not. */
  claim: string;
  /** Model folders the user put here: models/NAME/config.json. */
  models: string;
  compiled: string;
}

/** `flag` (--data), else $XDG_DATA_HOME/porchlight, else ~/.local/share/porchlight (XDG base directory specification). */
export function dataFolder(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): DataFolder {
  const xdg = env.XDG_DATA_HOME?.startsWith("/") ? env.XDG_DATA_HOME : join(homedir(), ".local", "share");
  const root = flag === undefined ? join(xdg, "porchlight") : resolve(flag);
  return {
    root,
    edge: join(root, "edge"),
    marketKeys: marketKeysIn(join(root, "edge")),
    localMarket: join(root, "agent", "local-market.json"),
    remoteMarket: join(root, "agent", "remote-market.json"),
    edgeRunning: join(root, "edge-running.json"),
    setupToken: join(root, "edge-setup-token"),
    localIdentity: join(root, "agent", "local.json"),
    remoteIdentity: join(root, "agent", "remote.json"),
    localArchive: join(root, "agent", "local-archive"),
    remoteArchive: join(root, "agent", "remote-archive"),
    plugins: join(root, "agent", "plugins"),
    mcp: join(root, "agent", "mcp.json"),
    localAgent: join(root, "agent", "local-running.json"),
    remoteAgent: join(root, "agent", "remote-running.json"),
    machine: join(root, "agent", "machine.json"),
    settings: join(root, "agent", "settings.json"),
    localKey: join(root, "agent", "local-key"),
    owner: join(root, "owner.json"),
    running: join(root, "running.json"),
    claim: join(root, "claim.json"),
    models: join(root, "models"),
    compiled: join(root, "compiled"),
  };
}

/** Where an edge's state has the online keys of its market. */
export function marketKeysIn(stateDir: string): string {
  return join(stateDir, "market-keys.json");
}

/** Models that come with Porchlight. */
export const BUNDLED_MODELS = fileURLToPath(new URL("models", import.meta.url));

/** Writes a file only its user can read, in a folder only its user can enter; whole or not at all. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}
