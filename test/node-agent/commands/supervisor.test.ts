import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { z } from "zod";
import { Supervisor } from "../../../node-agent/commands/supervisor.ts";

it("gives its child the flags that are meant for it, and not those of its own process", async () => {
  const folder = await mkdtemp(join(tmpdir(), "porchlight-supervisor-"));
  const entry = join(folder, "entry.mjs");
  await writeFile(entry, "process.send(process.execArgv); process.on('message', () => process.exit());");
  const flags = Promise.withResolvers<string[]>();
  const child = new Supervisor({
    entry: pathToFileURL(entry),
    schema: z.array(z.string()),
    onMessage: (said) => flags.resolve(said),
    nodeFlags: ["--max-semi-space-size=2"],
  });
  const own = [...process.execArgv];
  // As in one of `node -e`: a child that ran these words would fork the next one.
  process.execArgv.push("-e", "process.send(['forked'])");
  try {
    child.start();
    expect(await flags.promise).toEqual(["--max-semi-space-size=2"]);
  } finally {
    process.execArgv.splice(0, Infinity, ...own);
    await child.stop();
    await rm(folder, { recursive: true });
  }
});
