import * as z from "zod/mini";
import type { PluginContext } from "../../shared/plugin/index.ts";
import { askJson, requiredSecret } from "../shared/json-api.ts";
import { isJson, takenAtOnce } from "../shared/messages.ts";

type Host = Pick<PluginContext, "fetch" | "secret">;
type Ask = (path: string, body?: unknown) => Promise<unknown>;

const MOST_LISTED = 50;
/** Messages that were pulled and not confirmed come again after this. */
const VISIBILITY_MS = 30_000;

const answerSchema = z.object({
  success: z.boolean(),
  result: z.optional(z.unknown()),
  errors: z.optional(z.array(z.object({ message: z.string() }))),
});
const queuesSchema = z.array(
  z.object({
    queue_id: z.string(),
    queue_name: z.string(),
    consumers: z.optional(z.array(z.object({ type: z.optional(z.string()) }))),
  }),
);
const pulledSchema = z.object({
  message_backlog_count: z.optional(z.number()),
  messages: z.array(
    z.object({ body: z.string(), lease_id: z.string(), metadata: z.optional(z.record(z.string(), z.unknown())) }),
  ),
});

export async function push(host: Host, name: string, message: string): Promise<void> {
  const ask = await connect(host);
  const id = await idOfQueue(ask, name);
  const body: unknown = isJson(message) ? JSON.parse(message) : message;
  await ask(`queues/${id}/messages`, { body, content_type: isJson(message) ? "json" : "text" });
}

/** Takes messages and confirms those that it gives back, whole; others come again by themselves. */
export async function pull(host: Host, name: string, count: number): Promise<{ messages: string[]; left?: number }> {
  const ask = await connect(host);
  const id = await idOfQueue(ask, name);
  const result = await ask(`queues/${id}/messages/pull`, { batch_size: count, visibility_timeout_ms: VISIBILITY_MS });
  const { messages, message_backlog_count: left } = understood(pulledSchema, result);
  const taken = messages.slice(0, takenAtOnce(messages.map(({ body }) => body.length)));
  const acks = taken.map(({ lease_id }) => ({ lease_id }));
  if (acks.length > 0) await ask(`queues/${id}/messages/ack`, { acks, retries: [] });
  return { messages: taken.map(textOf), ...(left === undefined ? {} : { left: Math.max(0, left - taken.length) }) };
}

export async function listQueues(
  host: Host,
): Promise<{ queues: { name: string; pull: boolean }[]; truncated: boolean }> {
  const all = await queuesOf(await connect(host));
  const queues = all.map(({ queue_name, consumers = [] }) => ({
    name: queue_name,
    pull: consumers.some(({ type }) => type === "http_pull"),
  }));
  return { queues: queues.slice(0, MOST_LISTED), truncated: queues.length > MOST_LISTED };
}

/** JSON and bytes are told in base64, texts as they are. */
function textOf({ body, metadata }: { body: string; metadata?: Record<string, unknown> | undefined }): string {
  const type = metadata?.["CF-Content-Type"] ?? "text";
  if (type !== "json") return type === "text" ? body : `(bytes in base64) ${body}`;
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(body), (character) => character.charCodeAt(0)));
  } catch {
    return body; // written as it is after all
  }
}

async function idOfQueue(ask: Ask, name: string): Promise<string> {
  const all = await queuesOf(ask);
  const found = all.find(({ queue_name, queue_id }) => queue_name === name || queue_id === name);
  if (found !== undefined) return encodeURIComponent(found.queue_id);
  const names = all.slice(0, 20).map(({ queue_name }) => `'${queue_name}'`);
  throw new Error(
    `There is no queue '${name}'. ${names.length > 0 ? `There are: ${names.join(", ")}.` : "There is none at all yet."}`,
  );
}

async function queuesOf(ask: Ask): Promise<z.output<typeof queuesSchema>> {
  return understood(queuesSchema, await ask("queues?per_page=100"));
}

async function connect({ fetch, secret }: Host): Promise<Ask> {
  const account = encodeURIComponent(await requiredSecret(secret, "CLOUDFLARE_ACCOUNT_ID"));
  const authorization = `Bearer ${await requiredSecret(secret, "CLOUDFLARE_API_TOKEN")}`;
  return async (path, body) => {
    const url = `https://api.cloudflare.com/client/v4/accounts/${account}/${path}`;
    const method = body === undefined ? "GET" : "POST";
    const { status, value } = await askJson(fetch, url, { method, authorization, body });
    const { success, result, errors = [] } = understood(answerSchema, value);
    if (status < 300 && success) return result;
    const why = errors
      .map(({ message }) => message)
      .join(" ")
      .slice(0, 300);
    if (status === 401 || status === 403)
      throw new Error(`Cloudflare does not take the token: ${why}. It has to read and write Queues of this account.`);
    throw new Error(`Cloudflare answered ${status}: ${why}.`);
  };
}

function understood<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error("Cloudflare's answer is not understood. Try again later.");
}
