import { z } from "zod";
import { ARCHIVE_FEATURE, BACKUP_KEY_FEATURE } from "../../../shared/protocol/handshake.ts";

/** Whether a machine keeps an archive of conversations, and has the key of the backup. */
export const archiveStateSchema = z.enum(["none", "keeping", "sealing"]);
export type ArchiveState = z.infer<typeof archiveStateSchema>;

/** Of a tunnel, what its archive is reached by. */
export interface ArchiveTunnel {
  readonly agentId: string;
  readonly archive: ArchiveState;
  readonly leaving: boolean;
}

/** By what the machine named in its handshake. */
export function archiveStateOf(features: readonly string[]): ArchiveState {
  if (!features.includes(ARCHIVE_FEATURE)) return "none";
  return features.includes(BACKUP_KEY_FEATURE) ? "sealing" : "keeping";
}
