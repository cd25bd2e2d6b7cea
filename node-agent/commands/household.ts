import { readAgentStatus } from "../agent/agent-status.ts";
import { dataFolder } from "../data-folder.ts";
import { isPaired, loadIdentity, type PairedIdentity } from "../link/identity.ts";
import { CommandError } from "./command-error.ts";

/** The household whose conversations this machine keeps. */
export interface Household {
  identity: PairedIdentity;
  /** Where its edge is now. */
  origin: string;
  archiveDir: string;
}

/** That of the edge elsewhere, if this machine is paired with one, else that of the embedded edge. Throws `not_ready`. */
export async function householdOf(data: string | undefined): Promise<Household> {
  const folder = dataFolder(data);
  const remote = await loadIdentity(folder.remoteIdentity);
  if (isPaired(remote)) return { identity: remote, origin: remote.pairing.origin, archiveDir: folder.remoteArchive };
  const local = await loadIdentity(folder.localIdentity);
  if (isPaired(local)) {
    const running = await readAgentStatus(folder.localAgent, folder.localKey);
    return {
      identity: local,
      origin: running?.link.origin ?? local.pairing.origin,
      archiveDir: folder.localArchive,
    };
  }
  throw new CommandError("not_ready", "This machine is not paired with an edge yet. Pair it: porchlight connect");
}
