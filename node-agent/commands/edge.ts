import { CommandError } from "./command-error.ts";
import type { EdgeAddressFlags } from "./edge-address.ts";

export interface EdgeFlags extends EdgeAddressFlags {
  data?: string;
  giveUpAfter?: number;
  unattended: boolean;
  force: boolean;
  passphraseFile?: string;
  dryRun: boolean;
}

/** `porchlight edge`: runs it, or does what the word says. */
export async function edge(flags: EdgeFlags, [word, ...rest]: string[]): Promise<number> {
  switch (word) {
    case undefined: {
      const { serveEdge } = await import("./edge-serve.ts");
      return await serveEdge(flags);
    }
    case "backup": {
      const { backupEdge } = await import("./edge-backup.ts");
      return await backupEdge(flags, oneFile(word, rest));
    }
    case "restore": {
      const { restoreEdge } = await import("./edge-backup.ts");
      return await restoreEdge(flags, oneFile(word, rest));
    }
    case "deploy": {
      if (rest.length > 0) throw new CommandError("bad_usage", "'porchlight edge deploy' takes flags only.");
      const { deployEdge } = await import("./edge-deploy.ts");
      return await deployEdge(flags);
    }
    default:
      throw new CommandError(
        "bad_usage",
        `'porchlight edge' takes backup, restore, deploy or nothing, not "${word.slice(0, 80)}".`,
      );
  }
}

function oneFile(word: string, [file, ...more]: string[]): string {
  if (file !== undefined && file !== "" && more.length === 0) return file;
  throw new CommandError("bad_usage", `'porchlight edge ${word}' takes one file.`);
}
