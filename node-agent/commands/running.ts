import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";

const runningSchema = z.object({ pid: z.number().int().positive(), origin: z.url() });
/** Which process runs Porchlight on a data folder, and where its edge answers. */
export type Running = z.infer<typeof runningSchema>;

/** The instance that runs on this folder, if its process lives and its edge answers; a leftover of a crash does not count. */
export async function findRunning(file: string): Promise<Running | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = runningSchema.safeParse(safeJson(text));
  if (!parsed.success || !isAlive(parsed.data.pid)) return undefined;
  const health = await fetch(`${parsed.data.origin}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(
    () => undefined,
  );
  return health?.ok ? parsed.data : undefined;
}

export async function markRunning(file: string, running: Running): Promise<void> {
  await writePrivateFile(file, `${JSON.stringify(running)}\n`);
}

export async function unmarkRunning(file: string): Promise<void> {
  await rm(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a half-written or foreign file is no running instance
  }
}
