import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../support/model-temp.ts";
import { startStack } from "../../support/stack.ts";
import { tutorialBlocks } from "../../support/tutorial.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Words of a command line; quotes hold words together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

/** What a test's run and the tutorial cannot share. */
function normal(text: string, folder: string): string {
  return text
    .replaceAll(folder, "FOLDER")
    .replaceAll(/\b\d+ ms\b/g, "MS")
    .replaceAll(/\b\d+ KiB\b/g, "SIZE")
    .replaceAll(/\b[0-9a-f]{16}…/g, "HASH…")
    .replaceAll(/(signed by publisher \(|Signed by )[\w-]{43}/g, "$1KEY")
    .trim();
}

it("is true, command by command", { timeout: 180_000 }, async () => {
  await using folder = await temporaryFolder();
  const stack = await startStack();
  const run = async (line: string): Promise<string> => {
    const args = [join(ROOT, "node-agent/cli.ts"), ...wordsOf(line).slice(1), "--data", join(folder.path, "data")];
    const isAsking = /^porchlight plugin (install|call)/.test(line);
    const env = { ...process.env, PORCHLIGHT_API_KEY: stack.apiKey };
    return await new Promise((resolve) => {
      const all = isAsking ? [...args, "--origin", stack.origin] : args;
      execFile(process.execPath, all, { cwd: folder.path, env }, (_error, out, err) => resolve(err + out));
    });
  };
  try {
    let commands = 0;
    for (const { kind, text } of await tutorialBlocks()) {
      if (kind === "ts") await writeFile(join(folder.path, "reading-time/main.ts"), text);
      if (kind === "json") await writeFile(join(folder.path, "reading-time/cases.json"), text);
      if (kind !== "console") continue;
      for (const part of text.split(/^\$ /m).slice(1)) {
        const [line = "", ...said] = part.split("\n");
        expect(normal(await run(line), folder.path), line).toBe(said.join("\n").trim());
        commands += 1;
      }
    }
    expect(commands).toBe(6);
  } finally {
    await stack.stop();
  }
});
