import { readFile, rm, writeFile } from "node:fs/promises";
import { uptime } from "node:os";
import { z } from "zod";
import { writePrivateFile } from "../data-folder.ts";
import { isAlive } from "../process-alive.ts";

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

const claimSchema = z.object({ pid: z.number().int().positive(), bootedAtMs: z.number() });
/** Clocks are set now and then: this much is no restart of the machine. */
const SAME_BOOT_MS = 60_000;

/**
 * Claims a data folder for this process: of several at the same moment one gets it. Returns the process that has it, undefined when
 * it is this one now. The claim of a process that has ended, or of before the machine's last start, does not count.
 */
export async function claimFolder(file: string): Promise<number | undefined> {
  const bootedAtMs = Date.now() - uptime() * 1000;
  for (;;) {
    try {
      await writeFile(file, `${JSON.stringify({ pid: process.pid, bootedAtMs })}\n`, { flag: "wx", mode: 0o600 });
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const claim = claimSchema.safeParse(safeJson(await readFile(file, "utf8").catch(() => "")));
    const isCurrent = claim.success && Math.abs(claim.data.bootedAtMs - bootedAtMs) < SAME_BOOT_MS;
    if (isCurrent && claim.data.pid !== process.pid && isAlive(claim.data.pid)) return claim.data.pid;
    await rm(file, { force: true });
  }
}

export async function releaseFolder(file: string): Promise<void> {
  await rm(file, { force: true });
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a half-written or foreign file is no running instance
  }
}
