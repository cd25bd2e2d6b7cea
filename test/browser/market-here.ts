import { join } from "node:path";
import { expect } from "vitest";
import { markRunning } from "../../node-agent/commands/running.ts";
import { runWell } from "../support/command-here.ts";
import type { TestStack } from "../support/stack.ts";

/** Makes the edge of this test a market, as its owner does: by command, with a new start in between. */
export async function openMarketHere({ origin, folder, stack }: TestStack): Promise<void> {
  // As `porchlight up` does, for commands on its data folder.
  await markRunning(folder.running, { pid: process.pid, origin });
  expect(await runWell("market", "init", "--data", folder.root)).toContain("start it again");
  await stack.edge.stop();
  await stack.edge.start();
  const key = join(folder.root, "drawer.key");
  expect(await runWell("market", "init", "--root-key", key, "--data", folder.root)).toContain("is a market");
}
