import { userInfo } from "node:os";
import { dataFolder } from "../data-folder.ts";
import { isPaired, loadIdentity } from "../link/identity.ts";
import {
  isInstalled,
  removeService,
  runCommand,
  type ServiceManager,
  serviceManager,
  serviceState,
  writeService,
} from "../service/service.ts";
import { type ServiceRole, serviceSpec } from "../service/spec.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAddressFlags, edgeAddress } from "./edge-address.ts";
import { say, styled } from "./terminal.ts";

const WORDS = ["install", "uninstall", "status", "logs"] as const;

export interface ServiceFlags {
  data?: string;
  /** Words of a `porchlight edge` with the same flags. */
  edge: { address: EdgeAddressFlags; words: string[] };
}

/**
 * `porchlight service`: runs `porchlight connect` (or `up`, where this machine is paired with no edge elsewhere) from login on; with the
 * word `edge` behind, `porchlight edge`. One machine may have both.
 */
export async function service(flags: ServiceFlags, [word = "status", ...rest]: string[]): Promise<number> {
  const known = WORDS.find((name) => name === word);
  const role = rest.length === 0 ? "agent" : "edge";
  if (known === undefined || rest.length > 1 || (rest.length === 1 && rest[0] !== "edge")) {
    throw new CommandError(
      "bad_usage",
      `'porchlight service' takes one of ${WORDS.join(", ")}, and 'edge' behind it for an edge.`,
    );
  }
  const manager = serviceManager(role);
  if (!manager) throw new CommandError("not_ready", unavailable(flags));
  if (known === "install") return await install(manager, flags, role);
  return await { uninstall, status: showStatus, logs }[known](manager);
}

async function install(manager: ServiceManager, flags: ServiceFlags, role: ServiceRole): Promise<number> {
  const folder = dataFolder(flags.data);
  const isEdge = role === "edge";
  // What the command would refuse is refused here, and not in a log that nobody reads.
  if (isEdge) edgeAddress(flags.edge.address);
  const what = isEdge ? "edge" : isPaired(await loadIdentity(folder.remoteIdentity)) ? "connect" : "up";
  if (manager.logFile !== "" && (await isInstalled(manager))) await steps(manager.uninstall, false);
  await writeService(manager, serviceSpec(what, folder.root, manager.logFile, isEdge ? flags.edge.words : []));
  say(`Wrote ${manager.file}; it runs 'porchlight ${what}'.`);
  await steps(manager.install, true);
  say(
    `${styled("green", "✓")} The service runs, and starts again with your session. See it: porchlight service logs${isEdge ? " edge" : ""}`,
  );
  if (isEdge) say("  The link that sets it up: porchlight status");
  if (process.platform === "linux") {
    say(`  To have it run before you log in, too: sudo loginctl enable-linger ${userInfo().username}`);
  }
  return 0;
}

async function uninstall(manager: ServiceManager): Promise<number> {
  if (!(await isInstalled(manager))) throw new CommandError("not_ready", "The service is not installed.");
  await steps(manager.uninstall, false);
  await removeService(manager);
  say(`${styled("green", "✓")} The service is removed. Pairing, models and keys stay.`);
  return 0;
}

async function showStatus(manager: ServiceManager): Promise<number> {
  const { running, sentence } = await serviceState(manager);
  process.stdout.write(`The service: ${sentence}\n`);
  return running ? 0 : 1;
}

async function logs(manager: ServiceManager): Promise<number> {
  const { code, stderr } = await runCommand(manager.logs, "inherit");
  if (code !== 0) throw new CommandError("request_failed", `The log cannot be read: ${stderr}`);
  return 0;
}

/** @param strict whether a step that fails ends it: what is not there need not be stopped */
async function steps(commands: string[][], strict: boolean): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await runCommand(command, "ignore");
    if (code === 0) continue;
    const message = `'${command.join(" ")}' failed: ${stderr}`;
    if (strict) {
      throw new CommandError("request_failed", `${message}. The file stays: run that command in a session of yours.`);
    }
    say(styled("yellow", message));
  }
}

function unavailable(flags: ServiceFlags): string {
  const { command } = serviceSpec("connect", dataFolder(flags.data).root, "");
  if (process.platform !== "win32")
    return "This system has neither systemd nor launchd that a service could be given to.";
  const task = command.map((word) => `\\"${word}\\"`).join(" ");
  return `On Windows the Task Scheduler does this. In a terminal: schtasks /Create /SC ONLOGON /TN Porchlight /TR "${task}"`;
}
