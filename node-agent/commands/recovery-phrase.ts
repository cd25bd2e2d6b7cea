import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { PorchlightError } from "../../shared/errors.ts";
import { keyOf } from "../archive/backup-key.ts";
import { CommandError } from "./command-error.ts";

/** The key that the recovery phrase stands for: of a file, typed, or piped in. Never of the command line, which every user can see. */
export async function askForKey(file: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return keyOf(await phrase(file));
  } catch (error) {
    if (error instanceof PorchlightError) throw new CommandError("bad_usage", error.message, { cause: error });
    throw error;
  }
}

async function phrase(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    return await readFile(file, "utf8").catch((cause: unknown) => {
      throw new CommandError("bad_usage", `${file} cannot be read.`, { cause });
    });
  }
  if (!process.stdin.isTTY) return await text(process.stdin);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question("The 24 words of the recovery phrase: ");
  } finally {
    terminal.close();
  }
}
