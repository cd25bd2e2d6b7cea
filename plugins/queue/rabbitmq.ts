import * as z from "zod/mini";
import type { PluginContext } from "../../shared/plugin/index.ts";
import { askJson, type JsonAnswer, requiredSecret } from "../shared/json-api.ts";
import { isJson, type ShownMessage, shownMessage, takenAtOnce } from "../shared/messages.ts";

type Host = Pick<PluginContext, "fetch" | "secret">;
interface Connection {
  ask: (path: string, body?: unknown) => Promise<JsonAnswer>;
  /** As a part of a path. */
  vhost: string;
}

const MOST_LISTED = 50;
/** Of a message that is looked at only. */
const MOST_PAYLOAD_BYTES = 20_000;
/** A message outlives the broker. */
const PERSISTENT = 2;

const queuesSchema = z.array(z.object({ name: z.string(), messages: z.optional(z.number()) }));
const messagesSchema = z.array(
  z.object({
    payload: z.string(),
    payload_bytes: z.number(),
    payload_encoding: z.string(),
    /** That are left in the queue behind this one. */
    message_count: z.number(),
  }),
);
const routedSchema = z.object({ routed: z.boolean() });
const errorSchema = z.object({ reason: z.string() });

/** A message to a queue, through the exchange that every broker has. Throws Error where there is no such queue. */
export async function publish(host: Host, queue: string, message: string): Promise<void> {
  const connection = await connect(host);
  const properties = { delivery_mode: PERSISTENT, content_type: isJson(message) ? "application/json" : "text/plain" };
  const { value } = await connection.ask(`exchanges/${connection.vhost}/amq.default/publish`, {
    properties,
    routing_key: queue,
    payload: message,
    payload_encoding: "string",
  });
  if (!understood(routedSchema, value).routed) throw await noSuchQueue(connection, queue);
}

/** The oldest messages, which stay in the queue. */
export async function peek(host: Host, queue: string, count: number): Promise<ShownMessage[]> {
  const messages = await get(await connect(host), queue, count, true);
  return messages.map(({ text }) => shownMessage(text));
}

/** The oldest messages, whole; they are gone from the queue. */
export async function take(host: Host, queue: string, count: number): Promise<{ messages: string[]; left: number }> {
  const connection = await connect(host);
  const sizes = (await get(connection, queue, count, true)).map(({ bytes }) => bytes);
  if (sizes.length === 0) return { messages: [], left: 0 };
  const taken = await get(connection, queue, takenAtOnce(sizes), false);
  return { messages: taken.map(({ text }) => text), left: taken.at(-1)?.left ?? 0 };
}

export async function listQueues(
  host: Host,
): Promise<{ queues: { name: string; messages: number }[]; truncated: boolean }> {
  const all = await queuesOf(await connect(host));
  return { queues: all.slice(0, MOST_LISTED), truncated: all.length > MOST_LISTED };
}

async function get(
  connection: Connection,
  queue: string,
  count: number,
  isKept: boolean,
): Promise<{ text: string; bytes: number; left: number }[]> {
  const { status, value } = await connection.ask(`queues/${connection.vhost}/${encodeURIComponent(queue)}/get`, {
    count,
    ackmode: isKept ? "ack_requeue_true" : "ack_requeue_false",
    encoding: "auto",
    ...(isKept ? { truncate: MOST_PAYLOAD_BYTES } : {}),
  });
  if (status === 404) throw await noSuchQueue(connection, queue);
  return understood(messagesSchema, value).map(({ payload, payload_bytes, payload_encoding, message_count }) => ({
    text: payload_encoding === "base64" ? `(bytes in base64) ${payload}` : payload,
    bytes: payload_bytes,
    left: message_count,
  }));
}

async function queuesOf({ ask, vhost }: Connection): Promise<{ name: string; messages: number }[]> {
  const { value } = await ask(`queues/${vhost}?columns=name,messages`);
  return understood(queuesSchema, value).map(({ name, messages = 0 }) => ({ name, messages }));
}

async function connect({ fetch, secret }: Host): Promise<Connection> {
  const base = URL.parse(await requiredSecret(secret, "RABBITMQ_URL"));
  if (base?.protocol !== "https:") throw new Error("RABBITMQ_URL must be the https address of RabbitMQ's management.");
  const login = `${await requiredSecret(secret, "RABBITMQ_USER")}:${await requiredSecret(secret, "RABBITMQ_PASSWORD")}`;
  const authorization = `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(login)))}`;
  const vhost = ((await secret?.("RABBITMQ_VHOST")) ?? "").trim();
  return {
    vhost: encodeURIComponent(vhost === "" ? "/" : vhost),
    async ask(path, body) {
      const url = `${base.origin}${base.pathname.replace(/\/$/, "")}/api/${path}`;
      const answer = await askJson(fetch, url, { method: body === undefined ? "GET" : "POST", authorization, body });
      const { status, value } = answer;
      if (status === 401)
        throw new Error("RabbitMQ knows no such user or password. The user can correct them in the plugin's settings.");
      const reason = errorSchema.safeParse(value).data?.reason.slice(0, 200) ?? "it gave no reason";
      if (status >= 400 && status !== 404) throw new Error(`RabbitMQ answered ${status}: ${reason}.`);
      return answer;
    },
  };
}

async function noSuchQueue(connection: Connection, queue: string): Promise<Error> {
  const names = (await queuesOf(connection)).slice(0, 20).map(({ name }) => `'${name}'`);
  return new Error(
    `There is no queue '${queue}'. ${names.length > 0 ? `There are: ${names.join(", ")}.` : "There is none at all yet."}`,
  );
}

function understood<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error("The answer is not RabbitMQ's. Is RABBITMQ_URL the address of its management?");
}
