import { CommandError } from "./command-error.ts";
import { exportSessions } from "./sessions-export.ts";
import { importSessions } from "./sessions-import.ts";

export interface SessionsFlags {
  json: boolean;
  force: boolean;
  data?: string;
  /** An edge elsewhere; absent: the one that runs here. */
  origin?: string;
  /** Where an export goes; absent: to standard output. */
  out?: string;
}

/** `porchlight sessions`: brings conversations in from files, and takes them out. */
export async function sessions(flags: SessionsFlags, [word, ...rest]: string[]): Promise<number> {
  if (word === "import") {
    const [file, ...more] = rest;
    if (file !== undefined && more.length === 0) return await importSessions(flags, file);
    throw new CommandError("bad_usage", "'porchlight sessions import' takes one file: an export of OpenAI or Claude.");
  }
  if (word === "export") {
    if (rest.length === 0) return await exportSessions(flags);
    throw new CommandError("bad_usage", "'porchlight sessions export' takes no name: say --out FILE.");
  }
  throw new CommandError("bad_usage", "'porchlight sessions' takes import FILE, or export.");
}
