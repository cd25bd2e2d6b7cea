import { fileURLToPath } from "node:url";

export type ServiceRole = "agent" | "edge";

/** What a service runs. */
export interface ServiceSpec {
  /** Which of the two it is: the machine with the models, or an edge; they run beside each other. */
  role: ServiceRole;
  /** Absolute paths: a service has no PATH of one's shell. */
  command: string[];
  workingFolder: string;
  /** Where the output goes where the system keeps no journal. */
  logFile: string;
}

const CLI = fileURLToPath(new URL("../cli.ts", import.meta.url));
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The service that runs `porchlight connect`, `up` or `edge` on a data folder. `flags` are further words of the command. */
export function serviceSpec(
  what: "connect" | "up" | "edge",
  dataRoot: string,
  logFile: string,
  flags: readonly string[] = [],
): ServiceSpec {
  // What is printed is kept in a log: no key and no link that signs somebody in.
  const unattended = what === "connect" ? [] : ["--unattended"];
  const command = [process.execPath, CLI, what, "--data", dataRoot, ...flags, ...unattended];
  return { role: what === "edge" ? "edge" : "agent", command, workingFolder: REPOSITORY, logFile };
}
