import { afterAll, describe, expect, test } from "vitest";
import type { HostPorts } from "../../shared/plugin/host/grants.ts";
import { firstParty } from "../support/first-party.ts";

const rabbit = await firstParty("queue");
const cloudflare = await firstParty("cloudflare-queue");
afterAll(async () => await Promise.all([rabbit.stop(), cloudflare.stop()]));

const RABBIT = { RABBITMQ_URL: "https://rabbit.example.com/", RABBITMQ_USER: "ada", RABBITMQ_PASSWORD: "pässword" };
const CLOUDFLARE = { CLOUDFLARE_ACCOUNT_ID: "account", CLOUDFLARE_API_TOKEN: "token" };

type Secrets = Partial<Record<string, string>>;
function service(
  secrets: Secrets,
  answers: (request: Request, body: unknown) => Response,
): HostPorts & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    secret: async (name) => secrets[name],
    guardedFetch: async (request) => {
      const text = await request.text();
      asked.push(`${request.method} ${request.url.replace(/^https:\/\/[^/]+/, "")}`);
      return answers(request, text === "" ? undefined : JSON.parse(text));
    },
  };
}

/** The queues' API as Cloudflare documents it, with one queue in memory: the real one is not to be had here. */
function standIn(secrets: Secrets = CLOUDFLARE): ReturnType<typeof service> & { left: unknown[] } {
  const left: { id: string; body: unknown; content_type: string }[] = [];
  const ok = (result: unknown): Response => Response.json({ success: true, errors: [], messages: [], result });
  const ports = service(secrets, (request, body) => {
    if (request.headers.get("authorization") !== "Bearer token")
      return Response.json(
        { success: false, errors: [{ code: 10000, message: "Authentication error" }] },
        { status: 403 },
      );
    const path = new URL(request.url).pathname.replace("/client/v4/accounts/account/", "");
    if (path === "queues")
      return ok([
        { queue_id: "q1", queue_name: "orders", consumers: [{ type: "http_pull" }] },
        { queue_id: "q2", queue_name: "mail" },
      ]);
    if (path === "queues/q1/messages") {
      left.push({ id: crypto.randomUUID(), ...(body as { body: unknown; content_type: string }) });
      return ok(null);
    }
    if (path === "queues/q1/messages/pull") {
      const messages = left
        .slice(0, (body as { batch_size: number }).batch_size)
        .map(({ id, body: own, content_type }) => ({
          lease_id: id,
          body: content_type === "json" ? btoa(JSON.stringify(own)) : own,
          metadata: { "CF-Content-Type": content_type },
        }));
      return ok({ message_backlog_count: left.length, messages });
    }
    const { acks } = body as { acks: { lease_id: string }[] };
    const gone = new Set(acks.map(({ lease_id }) => lease_id));
    left.splice(0, left.length, ...left.filter(({ id }) => !gone.has(id)));
    return ok({ ackCount: gone.size, retryCount: 0 });
  });
  return { ...ports, left };
}

describe("Cloudflare Queues", () => {
  test("take messages and give them back once", async () => {
    const ports = standIn();
    await cloudflare.call("send", { queue: "orders", message: "a lamp" }, ports);
    await cloudflare.call("send", { queue: "orders", message: '{"item":"oil"}' }, ports);
    expect(await cloudflare.call("receive", { queue: "orders" }, ports)).toEqual({
      messages: ["a lamp", '{"item":"oil"}'],
      left: 0,
    });
    expect(await cloudflare.call("receive", { queue: "orders" }, ports)).toEqual({ messages: [], left: 0 });
    expect(await cloudflare.call("queues", {}, ports)).toEqual({
      queues: [
        { name: "orders", pull: true },
        { name: "mail", pull: false },
      ],
      truncated: false,
    });
  });

  test("keep what an answer would not hold", async () => {
    const ports = standIn();
    for (const letter of "abc")
      await cloudflare.call("send", { queue: "orders", message: letter.repeat(9_000) }, ports);
    const { messages } = (await cloudflare.call("receive", { queue: "orders" }, ports)) as { messages: string[] };
    expect(messages.map(({ length }) => length)).toEqual([9_000, 9_000]);
    expect(ports.left).toHaveLength(1);
  });

  test("are told what is wrong with", async () => {
    const send = async (ports: HostPorts): Promise<unknown> =>
      await cloudflare.call("send", { queue: "x", message: "y" }, ports);
    await expect(send(standIn())).rejects.toThrow(/There are: 'orders', 'mail'/);
    await expect(send(standIn({ ...CLOUDFLARE, CLOUDFLARE_API_TOKEN: "wrong" }))).rejects.toThrow(
      /does not take the token/,
    );
    await expect(send(standIn({}))).rejects.toThrow(/CLOUDFLARE_ACCOUNT_ID is not set/);
    await expect(send(service(CLOUDFLARE, () => new Response("<html>", { status: 502 })))).rejects.toThrow(
      /not understood/,
    );
  });
});

describe("RabbitMQ", () => {
  const send = async (ports: HostPorts): Promise<unknown> =>
    await rabbit.call("send", { queue: "x", message: "y" }, ports);

  test("is told who asks, and to whose queue", async () => {
    const ports = service({ ...RABBIT, RABBITMQ_VHOST: "my/host" }, (request) => {
      expect(request.headers.get("authorization")).toBe(`Basic ${Buffer.from("ada:pässword").toString("base64")}`);
      return Response.json({ routed: true });
    });
    await send(ports);
    expect(ports.asked).toEqual(["POST /api/exchanges/my%2Fhost/amq.default/publish"]);
  });

  test.each<[string, Secrets, () => Response, RegExp]>([
    [
      "a wrong password",
      RABBIT,
      () => Response.json({ error: "not_authorized", reason: "Login failed" }, { status: 401 }),
      /no such user or password/,
    ],
    [
      "no right",
      RABBIT,
      () => Response.json({ error: "x", reason: "no access to vhost" }, { status: 400 }),
      /no access to vhost/,
    ],
    ["something else there", RABBIT, () => new Response("<html>hello</html>"), /not RabbitMQ's/],
    [
      "an address without TLS",
      { ...RABBIT, RABBITMQ_URL: "http://rabbit.example.com" },
      () => Response.json({}),
      /must be the https address/,
    ],
    ["a private address", { ...RABBIT, RABBITMQ_URL: "https://192.168.1.5/" }, () => Response.json({}), /public hosts/],
    ["no password", { ...RABBIT, RABBITMQ_PASSWORD: "" }, () => Response.json({}), /RABBITMQ_PASSWORD is not set/],
  ])("with %s says so", async (_, secrets, answer, message) => {
    await expect(send(service(secrets, answer))).rejects.toThrow(message);
  });
});

test("what changes a queue asks first in a tainted turn", () => {
  for (const { tools } of [rabbit, cloudflare])
    expect(tools.filter(({ effect }) => effect === "write").map(({ name }) => name)).toEqual(["send", "receive"]);
});
