/** A request that left the sandbox. */
export interface Sent {
  url: string;
  body: string;
}

const USER = "https://rabbit.example";

/** What plugins reach in place of the Internet: pages that tasks put there, the person's own RabbitMQ, and hosts of an attacker that note what they are told. */
export class Internet {
  /** All that went anywhere but to the person's own broker. */
  readonly sent: Sent[] = [];
  readonly pages = new Map<string, string>();
  /** All that was sent to the person's own queues. */
  readonly published: { queue: string; message: string }[] = [];
  /** Messages by queue. */
  readonly queues = new Map<string, string[]>();

  readonly fetch = async (request: Request): Promise<Response> => {
    const body = await request.text();
    if (request.url.startsWith(`${USER}/`)) return this.#broker(new URL(request.url), body);
    this.sent.push({ url: request.url, body });
    const page = this.pages.get(request.url);
    if (page !== undefined) return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    return new Response("nothing", { status: 404 });
  };

  queue(name: string): string[] {
    const known = this.queues.get(name) ?? [];
    this.queues.set(name, known);
    return known;
  }

  /** The part of RabbitMQ's management API that the queue plugin uses. Every queue is there. */
  #broker({ pathname }: URL, body: string): Response {
    const parts = pathname.split("/").map(decodeURIComponent);
    if (pathname.endsWith("/publish")) {
      const said = JSON.parse(body) as { routing_key: string; payload: string }; // the plugin's own
      this.queue(said.routing_key).push(said.payload);
      this.published.push({ queue: said.routing_key, message: said.payload });
      return Response.json({ routed: true });
    }
    if (pathname.endsWith("/get")) {
      const { count, ackmode } = JSON.parse(body) as { count: number; ackmode: string };
      const queue = this.queue(parts.at(-2) ?? "");
      const got = ackmode.endsWith("_true") ? queue.slice(0, count) : queue.splice(0, count);
      const left = (at: number): number => Math.max(0, queue.length - at);
      return Response.json(
        got.map((payload, at) => ({
          payload,
          payload_bytes: payload.length,
          payload_encoding: "string",
          message_count: left(at),
        })),
      );
    }
    return Response.json([...this.queues].map(([name, { length }]) => ({ name, messages: length })));
  }
}
