import { ArchiveKeeper } from "../archive/keeper.ts";

/** How often an agent without the backup's key looks whether its owner has put it there. */
const LOOK_EVERY_MS = 3_000;

export interface OpenArchive {
  keeper: ArchiveKeeper;
  stop(): void;
}

/** Opens the archive of conversations, if there is to be one. One that cannot be opened is said and left as it is: models are served all the same. */
export async function openArchive(
  folder: string | undefined,
  events: { onKey: () => void; log: (line: string) => void },
): Promise<OpenArchive | undefined> {
  if (folder === undefined) return undefined;
  let keeper: ArchiveKeeper;
  try {
    keeper = await ArchiveKeeper.open(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    events.log(`The archive of conversations in ${folder} cannot be used: ${reason}`);
    events.log("Move that folder's archive.db away, then take its conversations from the backup: porchlight restore");
    return undefined;
  }
  let lastFailure = "";
  const lookForKey = async (): Promise<void> => {
    try {
      if (await keeper.lookForKey()) events.onKey();
      if (keeper.hasBackupKey) clearInterval(look);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== lastFailure) events.log(reason);
      lastFailure = reason;
    }
  };
  const look = setInterval(() => void lookForKey(), LOOK_EVERY_MS);
  look.unref();
  return {
    keeper,
    stop: () => {
      clearInterval(look);
      keeper.close();
    },
  };
}
