import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { endChild } from "../../node-agent/end-process.ts";
import { quantizationSchema } from "../../shared/inference/model.ts";

/** Requests that run at once, at most. */
export const SLOTS = 8;
export const CONTEXT = 2048;

const count = z.number().int().nonnegative();

/** What a measuring process is told. Every task is answered by one result, in order. */
export const taskSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("load"),
    /** A folder for our engine, a GGUF file for llama.cpp. */
    model: z.string(),
    quantization: quantizationSchema,
    cacheDir: z.string(),
    threads: z.number().int().positive(),
  }),
  /** Greedy answers of `tokens` tokens to prompts of random tokens, all at once. `keep`: of the prompt before, as a conversation goes on. */
  z.object({ kind: z.literal("answer"), prompts: z.array(z.array(count)), tokens: z.number().int().positive() }),
  /** An answer that copies its prompt but for every 40th token, whatever the model says; ours only. */
  z.object({ kind: z.literal("edit"), prompt: z.array(count), drafts: z.boolean() }),
  z.object({ kind: z.literal("memory") }),
]);
export type Task = z.infer<typeof taskSchema>;

export const resultSchema = z.object({
  /** From the start to the end of all; for `load`, the load. */
  ms: z.number(),
  /** From the start to the first token of the first to have one. */
  firstMs: z.number().optional(),
  /** From when the last had its first token to when the first ended: all were decoding. */
  sharedMs: z.number().optional(),
  /** Tokens that came in that time. */
  sharedTokens: z.number().optional(),
  tokens: z.array(z.array(z.number())).optional(),
  /** Anonymous and file-backed resident memory. */
  privateBytes: z.number().optional(),
  fileBytes: z.number().optional(),
});
export type Result = z.infer<typeof resultSchema>;

/** A measuring process of ours or of llama.cpp. */
export class Engine {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(kind: "own" | "llama") {
    this.#child = fork(fileURLToPath(new URL(`./engine-${kind}-child.ts`, import.meta.url)));
    this.#ended = once(this.#child, "exit").then(([code]) => {
      throw new Error(`The measuring process ended with exit code ${code} before it had a result.`);
    });
    this.#ended.catch(() => {}); // it ends when it is closed
  }

  async run(task: Task): Promise<Result> {
    this.#child.send(task);
    const answered = new AbortController();
    const message = once(this.#child, "message", { signal: answered.signal });
    const [result] = await Promise.race([message, this.#ended]).finally(() => answered.abort());
    return resultSchema.parse(result);
  }

  async close(): Promise<void> {
    this.#child.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }
}

/** Serves tasks in a measuring process, one after the other. */
export function serve(run: (task: Task) => Promise<Result>): void {
  const answer = async (before: Promise<void>, raw: unknown): Promise<void> => {
    await before;
    process.send?.(await run(taskSchema.parse(raw)));
  };
  let last = Promise.resolve();
  process.on("message", (raw) => {
    last = answer(last, raw);
  });
  process.on("disconnect", endChild);
}

/** When each answer's tokens came, as a result. */
export function timed(started: number, answers: readonly { tokens: number[]; times: number[] }[]): Result {
  const first = answers.map(({ times }) => times[0] ?? Number.NaN);
  const last = answers.map(({ times }) => times.at(-1) ?? Number.NaN);
  const [from, to] = [Math.max(...first), Math.min(...last)];
  return {
    ms: Math.max(...last) - started,
    firstMs: Math.min(...first) - started,
    sharedMs: to - from,
    sharedTokens: answers.flatMap(({ times }) => times).filter((time) => time > from && time <= to).length,
    tokens: answers.map(({ tokens }) => tokens),
  };
}

/** Resident memory of this process from the kernel's own sums; nothing on other systems. */
export async function readMemory(): Promise<{ privateBytes?: number; fileBytes?: number }> {
  if (process.platform !== "linux") return {};
  const text = await readFile("/proc/self/smaps_rollup", "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  const privateBytes = kib("Anonymous") * 1024;
  return { privateBytes, fileBytes: kib("Rss") * 1024 - privateBytes };
}
