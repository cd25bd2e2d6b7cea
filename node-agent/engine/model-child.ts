import { fork } from "node:child_process";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { type FromModel, fromModelSchema, type ToModel } from "./process-messages.ts";

const ENTRY = fileURLToPath(new URL("process.ts", import.meta.url));
/** How long a process may take to end by itself; one in the middle of a step does not hear that it should. */
const GRACE_MS = 400;
/** What is kept of a process's stderr, in characters: its last lines say why it ended. */
const STDERR_CHARACTERS = 8_192;

export interface ModelExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  stderr: string;
}

/** One model's process, from fork to exit. */
export interface ModelChild {
  readonly pid: number | undefined;
  /** Sends a message; one to a process that has ended is dropped. */
  send(message: ToModel): void;
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<ModelExit>;
  /** Ends the process: resolves when it is gone, within half a second. */
  stop(): Promise<void>;
}

/** @param onMessage hears every valid message; one that is not in the schema ends the process. */
export function spawnModelChild(onMessage: (message: FromModel) => void): ModelChild {
  const child = fork(ENTRY, [], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Flags of this process (a test runner's, a debugger's port) are not for the child.
    execArgv: [],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS);
  });
  child.on("message", (raw) => {
    const message = fromModelSchema.safeParse(raw);
    if (message.success) {
      onMessage(message.data);
      return;
    }
    stderr += `\nunexpected message: ${message.error.message}`;
    child.kill("SIGKILL");
  });
  const exited = new Promise<ModelExit>((resolve) => {
    // Not `close`: it does not come after a disconnect from this side. stderr may end before or after the process.
    const stderrEnd = child.stderr === null ? Promise.resolve() : finished(child.stderr).catch(() => {});
    child.on("exit", (code, signal) => {
      void stderrEnd.then(() => resolve({ code, signal, stderr }));
    });
    child.on("error", (error) => {
      stderr += `\n${error.message}`;
      if (child.pid === undefined) resolve({ code: null, signal: null, stderr });
    });
  });

  return {
    pid: child.pid,
    send: (message) => {
      // A send can only fail because the process is ending, and then `exited` tells.
      if (child.connected) child.send(message, () => {});
    },
    exited,
    stop: async () => {
      if (child.connected) child.disconnect();
      const kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}
