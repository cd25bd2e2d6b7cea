import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { LIMIT, MESSAGE, QUEUE } from "../shared/messages.ts";
import { listQueues, pull, push } from "./cloudflare.ts";

const send = tool({
  description: "Sends a message to one of the user's Cloudflare Queues.",
  effect: "write",
  input: {
    type: "object",
    properties: { queue: QUEUE, message: MESSAGE },
    required: ["queue", "message"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    await push(host, input.queue, input.message);
    return { sent: true, queue: input.queue };
  },
});

const receive = tool({
  description:
    "Takes messages from one of the user's Cloudflare Queues. They are gone from the queue. It needs an HTTP pull consumer.",
  effect: "write",
  input: {
    type: "object",
    properties: { queue: QUEUE, limit: LIMIT },
    required: ["queue"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    return await pull(host, input.queue, input.limit ?? 5);
  },
});

const queues = tool({
  description: "Lists the user's Cloudflare Queues; 'pull' says whether messages can be taken from here.",
  input: { type: "object", properties: {}, required: [], additionalProperties: false },
  async execute(host) {
    return await listQueues(host);
  },
});

export default definePlugin({ tools: { send, receive, queues } });
