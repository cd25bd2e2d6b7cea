import { fileURLToPath } from "node:url";

/** What a service runs. */
export interface ServiceSpec {
  /** Absolute paths: a service has no PATH of one's shell. */
  command: string[];
  workingFolder: string;
  /** Where the output goes where the system keeps no journal. */
  logFile: string;
}

const CLI = fileURLToPath(new URL("../cli.ts", import.meta.url));
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The service that runs `porchlight connect` or `up` on a data folder. */
export function serviceSpec(what: "connect" | "up", dataRoot: string, logFile: string): ServiceSpec {
  const more = what === "up" ? ["--unattended"] : [];
  return { command: [process.execPath, CLI, what, "--data", dataRoot, ...more], workingFolder: REPOSITORY, logFile };
}
