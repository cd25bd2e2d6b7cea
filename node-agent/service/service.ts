import { spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { launchdLabel, launchdPlist } from "./launchd.ts";
import type { ServiceRole, ServiceSpec } from "./spec.ts";
import { SYSLOG_IDENTIFIERS, systemdUnit } from "./systemd.ts";

const UNITS: Record<ServiceRole, string> = { agent: "porchlight.service", edge: "porchlight-edge.service" };
const LOGS: Record<ServiceRole, string> = { agent: "porchlight.log", edge: "porchlight-edge.log" };

/** How one kind of system runs a service of one user. Each step is a command line that is run without a shell. */
export interface ServiceManager {
  file: string;
  text: (spec: ServiceSpec) => string;
  install: string[][];
  uninstall: string[][];
  /** Exits 0 while the service runs. */
  status: string[];
  logs: string[];
  logFile: string;
}

export interface ServiceState {
  installed: boolean;
  running: boolean;
  sentence: string;
}

/** The manager of this system; undefined where there is none that we know. */
export function serviceManager(
  role: ServiceRole,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
  env: NodeJS.ProcessEnv = process.env,
): ServiceManager | undefined {
  if (platform === "linux") {
    const config = env.XDG_CONFIG_HOME?.startsWith("/") ? env.XDG_CONFIG_HOME : join(home, ".config");
    const systemctl = ["systemctl", "--user"];
    const unit = UNITS[role];
    return {
      file: join(config, "systemd", "user", unit),
      text: systemdUnit,
      install: [
        [...systemctl, "daemon-reload"],
        [...systemctl, "enable", unit],
        [...systemctl, "restart", unit],
      ],
      uninstall: [[...systemctl, "disable", "--now", unit]],
      status: [...systemctl, "is-active", "--quiet", unit],
      // Not `--user`: that reads the user's own journal, which systems without one on disk do not split off.
      logs: ["journalctl", "--identifier", SYSLOG_IDENTIFIERS[role], "--lines", "200", "--no-pager"],
      logFile: "",
    };
  }
  if (platform !== "darwin") return undefined;
  const label = launchdLabel(role);
  const file = join(home, "Library", "LaunchAgents", `${label}.plist`);
  const logFile = join(home, "Library", "Logs", LOGS[role]);
  const domain = `gui/${userInfo().uid}`;
  return {
    file,
    text: launchdPlist,
    install: [["launchctl", "bootstrap", domain, file]],
    uninstall: [["launchctl", "bootout", `${domain}/${label}`]],
    status: ["launchctl", "print", `${domain}/${label}`],
    logs: ["tail", "-n", "200", logFile],
    logFile,
  };
}

/** Writes the service's file. Returns its path. */
export async function writeService(manager: ServiceManager, spec: ServiceSpec): Promise<void> {
  await mkdir(dirname(manager.file), { recursive: true });
  await writeFile(manager.file, manager.text(spec), { mode: 0o644 });
}

export async function removeService(manager: ServiceManager): Promise<void> {
  await rm(manager.file, { force: true });
}

export async function isInstalled(manager: ServiceManager): Promise<boolean> {
  return await readFile(manager.file, "utf8").then(
    () => true,
    () => false,
  );
}

/** Whether the service is there and runs, as a sentence too. Never rejects. */
export async function serviceState(manager: ServiceManager | undefined): Promise<ServiceState> {
  if (!manager) return { installed: false, running: false, sentence: "not available on this system" };
  if (!(await isInstalled(manager))) {
    return { installed: false, running: false, sentence: "not installed. Install it: porchlight service install" };
  }
  const { code } = await runCommand(manager.status, "ignore");
  const running = code === 0;
  return { installed: true, running, sentence: running ? "runs" : "installed, not running (porchlight service logs)" };
}

/** Runs a command of the system. `code` is null where it could not be run at all; `stderr` is for people. */
export async function runCommand(
  [program = "", ...args]: readonly string[],
  output: "inherit" | "ignore",
): Promise<{ code: number | null; stderr: string }> {
  return await new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", output, "pipe"] });
    let stderr = "";
    child.stderr.on("data", (piece: Buffer) => (stderr = (stderr + piece.toString()).slice(-2_000)));
    child.once("error", (error) => resolve({ code: null, stderr: error.message }));
    child.once("close", (code) => resolve({ code, stderr: stderr.trim() }));
  });
}
