import { UNKNOWN_SOURCE } from "../model/store/adopt.ts";
import { verifyFiles, type FileCheck } from "../model/store/verify.ts";
import { CommandError } from "./command-error.ts";
import { findModel } from "./models-find.ts";
import type { ModelsContext } from "./models.ts";
import { StatusLine, say, styled } from "./terminal.ts";

const SENTENCES: Record<FileCheck["state"], string> = {
  ok: "as it was pulled",
  missing: "is missing",
  wrong_size: "has another size than was pulled",
  wrong_content: "has another content than was pulled",
};

/** `porchlight models verify`: 0 when every file is as it was pulled, 1 otherwise. */
export async function verifyModelNamed({ flags, modelsDir, model: name }: ModelsContext): Promise<number> {
  const { place, manifest } = await findModel(modelsDir, name);
  if (manifest === undefined) {
    throw new CommandError("request_failed", `${name} was not pulled: there is nothing to compare its files with.`);
  }
  const status = new StatusLine();
  const checks = await verifyFiles(modelsDir, place, manifest, (file) => status.show(`Reading ${file}`));
  status.clear();
  const intact = checks.every(({ state }) => state === "ok");
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ name, intact, files: checks })}\n`);
  } else {
    const lines = checks.map(({ name: file, state }) => {
      const mark = state === "ok" ? styled("green", "✓") : styled("red", "✗");
      return `  ${mark} ${file} ${SENTENCES[state]}`;
    });
    process.stdout.write(`${lines.join("\n")}\n`);
    if (!intact) say(wayOut(name, manifest.source));
  }
  return intact ? 0 : 1;
}

function wayOut(name: string, source: string): string {
  if (source === UNKNOWN_SOURCE) return `Nobody knows where it came from: put its files here again.`;
  return `Pull it again, only what is wrong is fetched: porchlight models pull ${source} --as ${name}`;
}
