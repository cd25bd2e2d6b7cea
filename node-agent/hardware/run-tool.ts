import { execFile } from "node:child_process";

/** A probe that has not answered by then does not: a driver that hangs must not hold up the start. */
const TIMEOUT_MS = 3_000;
const MAX_BYTES = 1024 * 1024;

/** What a program of the system prints; undefined where it is not there, fails or takes too long. Never throws. */
export async function runTool(
  file: string,
  args: readonly string[],
  timeoutMs = TIMEOUT_MS,
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const options = { encoding: "utf8", timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: MAX_BYTES } as const;
    execFile(file, args, { ...options, windowsHide: true }, (error, stdout) => resolve(error ? undefined : stdout));
  });
}
