import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stuckExit as env } from "../support/stuck-exit.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe("a process that can get stuck in its exit", () => {
  it("is one: process.exit does not end it", async () => {
    const child = spawn(process.execPath, ["-e", "console.log('there'); process.exit(0)"], { env });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(child.exitCode).toBeNull();
    child.kill("SIGKILL");
    await once(child, "exit");
  });

  it("still goes when it is a command, with its exit code and all it had to say", async () => {
    const child = spawn(process.execPath, [at("../../node-agent/cli.ts"), "models", "nonsense"], { env });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [code] = await once(child, "close");
    expect(code).toBe(2);
    expect(said).toContain("nonsense");
  });

  it.each(["agent", "edge"])("still goes when it is the %s and nobody is left to talk to", async (name) => {
    const child = fork(at(`../../node-agent/${name}/process.ts`), { env });
    await once(child, "message");
    child.disconnect();
    await once(child, "exit");
  });
});
