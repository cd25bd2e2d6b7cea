import { z } from "zod";
import { type AppAccess, type AppName, APPS } from "./app-settings.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
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

async function access(flags: ConnectAppFlags): Promise<{ origin: string; apiKey: string; isNew: boolean }> {
  const { origin, apiKey, isOwner } = await edgeAccess(flags);
  if (!isOwner) return { origin, apiKey, isNew: false };
  const body = await ask(`${origin}/api/keys`, apiKey, { name: flags.app, scopes: ["inference"] });
  return { origin, apiKey: z.object({ apiKey: z.string() }).parse(body).apiKey, isNew: true };
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
