import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type ImportAnswer, importAnswerSchema, type ImportBatch } from "../../shared/sessions/import/batch.ts";
import { BatchRefusedError, importFile, type ImportFileOptions } from "../../shared/sessions/import/import-file.ts";
import { IMPORT_PROBLEMS, type ImportProblem } from "../../shared/sessions/import/problem.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAccess, edgeAccess } from "./edge-access.ts";
import { formatBytes } from "./models-units.ts";
import type { SessionsFlags } from "./sessions.ts";
import { printable, say, StatusLine, styled } from "./terminal.ts";

const BATCH_TIMEOUT_MS = 120_000;
/** Some two minutes of trying: what lasts longer ends the import, and the next one goes on where it ended. */
const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];
const errorSchema = z.object({ error: z.object({ message: z.string() }) });

/** `porchlight sessions import FILE`: says of each entry that cannot be taken why, and takes the rest. */
export async function importSessions(flags: SessionsFlags, path: string): Promise<number> {
  const file = await openFile(path);
  const access = await edgeAccess(flags);
  const problems: ImportProblem[] = [];
  const status = new StatusLine();
  const options: ImportFileOptions = {
    send: async (batch) => await send(access, batch),
    onProgress: ({ added, known, bytes }) => {
      status.show(`${added + known} conversations, ${formatBytes(bytes)} read`);
    },
    onProblem: (problem) => {
      status.clear();
      if (flags.json) problems.push(problem);
      else say(`  ${line(problem)}`);
    },
  };
  const count = await importFile(file, options).catch((cause: unknown) => {
    if (!(cause instanceof DOMException)) throw cause;
    throw new CommandError("request_failed", `${path} cannot be read: it may have changed meanwhile.`, { cause });
  });
  status.clear();
  const { added, known, skipped } = count;
  if (flags.json) process.stdout.write(`${JSON.stringify({ added, known, skipped, problems })}\n`);
  else {
    const parts = [`${added} imported`, `${known} were here already`, `${skipped} could not be taken`];
    process.stdout.write(`${parts.join(", ")}\n`);
  }
  return added + known === 0 && skipped > 0 ? 1 : 0;
}

async function openFile(path: string): Promise<Blob> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new CommandError("bad_usage", `There is no file ${path}.`);
  if (found.isDirectory()) {
    throw new CommandError("bad_usage", `${path} is a folder. Name the zip file, or the conversations.json in it.`);
  }
  return await openAsBlob(path);
}

/** "entry 17 “Trees”: Its JSON is broken." */
function line({ code, file, entry, label, count, detail }: ImportProblem): string {
  const { skipped, message } = IMPORT_PROBLEMS[code];
  const place = [
    ...(file === undefined ? [] : [file]),
    ...(entry === undefined ? [] : [`entry ${entry}`]),
    ...(label === undefined ? [] : [`“${label}”`]),
  ].join(" ");
  const more = [...(count === undefined ? [] : [`${count}`]), ...(detail === undefined ? [] : [detail])].join("; ");
  const mark = skipped ? styled("yellow", "left out") : styled("dim", "changed");
  const text = `${mark} ${place}${place === "" ? "" : ": "}${message}${more === "" ? "" : ` (${more})`}`;
  return printable(text.replaceAll("\n", " "), process.stderr.isTTY);
}

async function send({ origin, apiKey }: EdgeAccess, batch: ImportBatch): Promise<ImportAnswer> {
  const init = {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(batch),
    redirect: "error",
  } as const;
  for (let attempt = 0; ; attempt++) {
    const pauseMs = PAUSES_MS[attempt];
    try {
      const signal = AbortSignal.timeout(BATCH_TIMEOUT_MS);
      const response = await fetch(`${origin}/api/sessions/import`, { ...init, signal });
      if (response.ok) return importAnswerSchema.parse(await response.json());
      if (response.status === 400 || response.status === 413) throw new BatchRefusedError(await reasonOf(response));
      const isLater = response.status === 429 || response.status >= 500;
      if (!isLater || pauseMs === undefined) throw new CommandError("request_failed", await reasonOf(response));
      await response.body?.cancel();
      const afterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
      await sleep(Math.max(pauseMs, Math.min(afterMs, 60_000)));
    } catch (cause) {
      if (cause instanceof CommandError || cause instanceof BatchRefusedError || cause instanceof z.ZodError)
        throw cause;
      if (pauseMs === undefined) {
        const sentence = `The edge at ${origin} does not answer. Say this again later: what is there already stays.`;
        throw new CommandError("edge_unreachable", sentence, { cause });
      }
      await sleep(pauseMs);
    }
  }
}

async function reasonOf(response: Response): Promise<string> {
  const parsed = errorSchema.safeParse(await response.json().catch(() => undefined));
  return parsed.data?.error.message ?? `The edge answered with status ${response.status}.`;
}
