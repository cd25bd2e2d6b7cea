import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

// A process of its own: it replaces the clock, chance and network of all that runs in it.
test("300 seeds, and all that ever failed, break nothing", async () => {
  const { stdout } = await run(process.execPath, [MAIN, "--seeds", "300", "--kept"]);
  expect(stdout).toMatch(/^\d+ seeds, 0 failed/m);
}, 600_000); // 8 s of one core's time, however long a busy machine takes to give it.
