import { readdirSync, readFileSync } from "node:fs";

/** Files of the system as a probe sees them; a test gives its own. */
export interface SystemFiles {
  /** A file's text; undefined where it is not there or may not be read. */
  read(path: string): string | undefined;
  /** Names in a folder, sorted; none where it is not there. */
  list(path: string): string[];
}

export const systemFiles: SystemFiles = {
  read: (path) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  },
  list: (path) => {
    try {
      return readdirSync(path).toSorted();
    } catch {
      return [];
    }
  },
};
