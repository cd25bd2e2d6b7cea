import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../node-agent/cli.ts", import.meta.url));

/** The `porchlight` command as its users run it: a process. */
export function start(args: string[]): ChildProcess {
  // A group of its own, so that an interrupt reaches every process of it, as Ctrl-C in a terminal does.
  return spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true });
}

/** Runs it to its end. */
export async function run(args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(args);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (piece: Buffer) => (stdout += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (stderr += piece.toString()));
  return { code: await exitOf(child), stdout, stderr };
}

/** What it has said on standard error once that matches. */
export async function output(child: ChildProcess, until: RegExp): Promise<string> {
  let text = "";
  return await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`ended early:\n${text}`)));
    child.stderr?.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (until.test(text)) resolve(text);
    });
  });
}

export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return await new Promise((resolve) => child.once("close", (code) => resolve(code)));
}

/** Ctrl-C in its terminal. */
export function interrupt(child: ChildProcess): void {
  if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
}
