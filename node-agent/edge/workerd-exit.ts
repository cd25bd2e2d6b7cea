import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { basename } from "node:path";

/**
 * Calls back, with words for people, when a workerd ends that this process starts from now on. Miniflare keeps its child to itself;
 * Node tells of every child on this channel.
 */
export function onWorkerdExit(callback: (how: string) => void): void {
  subscribe("child_process", (message) => {
    const { process: child } = message as { process: ChildProcess }; // as Node documents the channel
    child.once("exit", (code, signal) => {
      if (!basename(child.spawnfile).startsWith("workerd")) return;
      callback(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
}
