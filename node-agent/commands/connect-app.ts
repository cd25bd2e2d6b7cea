import { readFile } from "node:fs/promises";
import { z } from "zod";
import { dataFolder } from "../data-folder.ts";
import { type AppAccess, type AppName, APPS } from "./app-settings.ts";
import { CommandError } from "./command-error.ts";
import { findRunning } from "./running.ts";
import { say, styled } from "./terminal.ts";

export interface ConnectAppFlags {
  app: AppName;
  data?: string;
  /** An edge elsewhere; absent: the one that runs here. */
  origin?: string;
  /** Absent: the first that chats. */
  model?: string;
}

const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), task: z.string(), context_length: z.number() })),
});

/**
 * `porchlight connect-app`: prints what to paste into an app. At the edge that runs here the app gets a key of its own, for inference only;
 * for an edge elsewhere the key is taken from PORCHLIGHT_API_KEY.
 */
export async function connectApp(flags: ConnectAppFlags): Promise<number> {
  const { origin, apiKey, isNew } = await access(flags);
  const model = await chooseModel(origin, apiKey, flags.model);
  const { where, settings } = APPS[flags.app];
  say(`Paste this ${where}:`);
  say("");
  process.stdout.write(`${settings({ origin, apiKey, ...model })}\n`);
  say("");
  if (isNew) say(styled("dim", `The key is new and for this app alone: revoke it at ${origin}/keys.`));
  return 0;
}

async function access({
  app,
  data,
  origin,
}: ConnectAppFlags): Promise<{ origin: string; apiKey: string; isNew: boolean }> {
  if (origin !== undefined) {
    const apiKey = process.env.PORCHLIGHT_API_KEY ?? "";
    const url = URL.parse(origin);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new CommandError(
        "bad_usage",
        `--origin is no address: "${origin.slice(0, 200)}". Give one such as https://home.example.`,
      );
    }
    if (apiKey !== "") return { origin: url.origin, apiKey, isNew: false };
    throw new CommandError(
      "bad_usage",
      `Make an API key at ${url.origin}/keys and put it into PORCHLIGHT_API_KEY, then say this again.`,
    );
  }
  const folder = dataFolder(data);
  const running = await findRunning(folder.running);
  if (!running) {
    throw new CommandError(
      "not_ready",
      "Nothing runs on this data folder. Start it with 'porchlight up', or name your edge: --origin https://EDGE.",
    );
  }
  const owner = z.object({ apiKey: z.string() }).parse(JSON.parse(await readFile(folder.owner, "utf8")));
  const body = await ask(`${running.origin}/api/keys`, owner.apiKey, { name: app, scopes: ["inference"] });
  return { origin: running.origin, apiKey: z.object({ apiKey: z.string() }).parse(body).apiKey, isNew: true };
}

async function chooseModel(
  origin: string,
  apiKey: string,
  wanted: string | undefined,
): Promise<Pick<AppAccess, "model" | "contextLength">> {
  const { data } = modelsSchema.parse(await ask(`${origin}/v1/models`, apiKey));
  const chosen = data.find(({ id, task }) => task === "generate" && (wanted === undefined || id === wanted));
  if (chosen) return { model: chosen.id, contextLength: chosen.context_length };
  throw new CommandError(
    "not_ready",
    wanted === undefined
      ? "No machine has announced a model that chats yet. Try again in a moment."
      : `No machine has a model named "${wanted.slice(0, 200)}" that chats.`,
  );
}

async function ask(url: string, apiKey: string, body?: object): Promise<unknown> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const response = await fetch(url, { ...init, headers, redirect: "error", signal: AbortSignal.timeout(15_000) }).catch(
    (cause: unknown) => {
      throw new CommandError("edge_unreachable", `The edge at ${new URL(url).origin} does not answer.`, { cause });
    },
  );
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  const failed = z.object({ error: z.object({ message: z.string() }) }).safeParse(answer);
  throw new CommandError(
    "request_failed",
    failed.data?.error.message ?? `The edge answered with status ${response.status}.`,
  );
}
