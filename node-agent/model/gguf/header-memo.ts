import type { BigIntStats } from "node:fs";
import type { GgufHeader } from "./header.ts";

/** Loading a model looks at its header several times, within moments; a vocabulary takes megabytes and is not kept for longer. */
const KEPT_MS = 5_000;
/** A file system's clock is coarse: one that was written to just now may be written to again without its time telling. */
const SETTLED_NS = 2_000_000_000n;

let last: { key: string; header: Promise<GgufHeader> } | undefined;
let forgetting: NodeJS.Timeout | undefined;

/** What tells one state of a file from every other. */
export type FileState = Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs">;

/** The header of an open file: `read` now, or a moment ago when the file has not changed since. */
export async function rememberHeader(file: FileState, read: () => Promise<GgufHeader>): Promise<GgufHeader> {
  if (BigInt(Date.now()) * 1_000_000n - file.ctimeNs < SETTLED_NS) return await read();
  const key = [file.dev, file.ino, file.size, file.mtimeNs, file.ctimeNs].join(" ");
  if (last?.key === key) return await last.header;
  const header = read();
  const kept = { key, header };
  last = kept;
  clearTimeout(forgetting);
  forgetting = setTimeout(() => (last = undefined), KEPT_MS).unref();
  try {
    return await header;
  } catch (error) {
    // Whoever comes next tries again: reading may have failed for a reason that passes.
    if (last === kept) last = undefined;
    throw error;
  }
}
