import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { LIMIT, MESSAGE, QUEUE } from "../shared/messages.ts";
import { listQueues, peek as look, publish, take } from "./rabbitmq.ts";

const send = tool({
  description: "Sends a message to a queue of the user's RabbitMQ.",
  effect: "write",
  input: {
    type: "object",
    properties: { queue: QUEUE, message: MESSAGE },
    required: ["queue", "message"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    await publish(host, input.queue, input.message);
    return { sent: true, queue: input.queue };
  },
});

const receive = tool({
  description:
    "Takes the oldest messages from a queue of the user's RabbitMQ. They are gone from the queue: use peek to look only.",
  effect: "write",
  input: {
    type: "object",
    properties: { queue: QUEUE, limit: LIMIT },
    required: ["queue"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    return await take(host, input.queue, input.limit ?? 5);
  },
});

const peek = tool({
  description: "Shows the oldest messages of a queue of the user's RabbitMQ, and leaves them in it.",
  input: {
    type: "object",
    properties: { queue: QUEUE, limit: LIMIT },
    required: ["queue"],
    additionalProperties: false,
  },
  async execute({ input, ...host }) {
    return { messages: await look(host, input.queue, input.limit ?? 5) };
  },
});

const queues = tool({
  description: "Lists the queues of the user's RabbitMQ and how many messages each holds.",
  input: { type: "object", properties: {}, required: [], additionalProperties: false },
  async execute(host) {
    return await listQueues(host);
  },
});

export default definePlugin({ tools: { send, receive, peek, queues } });
