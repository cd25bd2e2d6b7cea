import { existsSync } from "node:fs";

/**
 * Why not `process.exit`: it waits for V8's background threads, and one of them may wait for the main thread to collect garbage, for ever
 * (nodejs/node issue 54918). A process would stay behind with all its memory. What has to be closed or written is so before these are called.
 */

/** Ends a process whose exit code nobody reads: its parent sees the signal SIGKILL, or the code 1 on Windows. */
export function endChild(): never {
  process.emit("exit", 0);
  process.kill(process.pid, "SIGKILL");
  return unreachable();
}

const SHELL = "/bin/sh";

/** Ends a process with an exit code, by becoming a shell that ends with it. Where there is none, on Windows, it exits as usual. */
export function endWith(code: number): never {
  if (process.execve === undefined || !existsSync(SHELL)) process.exit(code);
  process.emit("exit", code);
  process.execve(SHELL, ["sh", "-c", `exit ${code}`], {});
  return unreachable();
}

/** For what does not return but is not typed so. */
function unreachable(): never {
  throw new Error("The process has ended.");
}
