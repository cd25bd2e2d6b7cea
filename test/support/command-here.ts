import { expect, vi } from "vitest";
import { main } from "../../node-agent/cli.ts";

/** Runs the `porchlight` command within this process, for what starts nothing: a new process takes half a second. */
export async function runHere(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => (said[name] += String(text)) !== ""),
  );
  try {
    return { code: await main(args), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** What a command says that must succeed. */
export async function runWell(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runHere(words);
  expect(code, stderr).toBe(0);
  return stdout + stderr;
}
