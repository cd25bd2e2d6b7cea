import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostPorts } from "../../shared/plugin/host/grants.ts";
import { firstParty, type FirstParty } from "../support/first-party.ts";

/** Debian's. Where it is not installed, nothing here runs. */
const SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const SECRETS: Record<string, string> = {
  RABBITMQ_URL: "https://rabbit.example.com",
  RABBITMQ_USER: "guest",
  RABBITMQ_PASSWORD: "guest",
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe.skipIf(!existsSync(SERVER))("a real RabbitMQ", () => {
  let rabbit: FirstParty;
  let folder = "";
  let management = 0;
  let child: ReturnType<typeof spawn>;
  /** The public name leads to the broker of this test. */
  const ports: HostPorts = {
    secret: async (name) => SECRETS[name],
    guardedFetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = request.method === "GET" ? null : await request.text();
      return await fetch(`http://127.0.0.1:${management}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        body,
      });
    },
  };
  const call = async (tool: string, input: object): Promise<unknown> => await rabbit.call(tool, input, ports);
  const admin = async (path: string): Promise<Response> =>
    await fetch(`http://127.0.0.1:${management}/api/${path}`, {
      method: "PUT",
      headers: { authorization: `Basic ${btoa("guest:guest")}` },
      body: "{}",
    });

  beforeAll(async () => {
    rabbit = await firstParty("queue");
    folder = await mkdtemp(join(tmpdir(), "porchlight-rabbit-"));
    const [amqp, distribution] = [await freePort(), await freePort()];
    management = await freePort();
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    child = spawn(SERVER, {
      stdio: "ignore",
      detached: true,
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        RABBITMQ_NODENAME: `test${amqp}@localhost`,
        RABBITMQ_MNESIA_BASE: join(folder, "data"),
        RABBITMQ_LOG_BASE: join(folder, "log"),
        RABBITMQ_PID_FILE: join(folder, "pid"),
        RABBITMQ_DIST_PORT: String(distribution),
        ERL_EPMD_ADDRESS: "127.0.0.1",
        RABBITMQ_ENABLED_PLUGINS_FILE: await file("enabled_plugins", "[rabbitmq_management]."),
        RABBITMQ_CONFIG_FILE: await file(
          "rabbitmq.conf",
          `listeners.tcp.local = 127.0.0.1:${amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = ${management}\n`,
        ),
      },
    });
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await admin("queues/%2F/orders").catch(() => undefined);
      if (answer?.ok === true) return;
      await sleep(500);
    }
    throw new Error("RabbitMQ did not start.");
  });

  afterAll(async () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL"); // its own group: the shell and Erlang
    await rabbit.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("takes messages, shows them, and gives them back once", async () => {
    expect(await call("send", { queue: "orders", message: "一盏灯" })).toEqual({ sent: true, queue: "orders" });
    await call("send", { queue: "orders", message: '{"item":"oil","litres":2}' });
    expect(await call("peek", { queue: "orders" })).toEqual({
      messages: [
        { message: "一盏灯", truncated: false },
        { message: '{"item":"oil","litres":2}', truncated: false },
      ],
    });
    expect(await call("receive", { queue: "orders", limit: 1 })).toEqual({ messages: ["一盏灯"], left: 1 });
    expect(await call("receive", { queue: "orders" })).toEqual({ messages: ['{"item":"oil","litres":2}'], left: 0 });
    expect(await call("receive", { queue: "orders" })).toEqual({ messages: [], left: 0 });
  });

  test("keeps what an answer would not hold", async () => {
    for (const letter of "abc") await call("send", { queue: "orders", message: letter.repeat(9_000) });
    expect(await call("receive", { queue: "orders" })).toEqual({
      messages: ["a".repeat(9_000), "b".repeat(9_000)],
      left: 1,
    });
    await call("send", { queue: "orders", message: "d".repeat(90_000) });
    expect(await call("receive", { queue: "orders" })).toEqual({ messages: ["c".repeat(9_000)], left: 1 });
    expect(await call("receive", { queue: "orders" })).toEqual({ messages: ["d".repeat(90_000)], left: 0 });
  });

  test("says which queues there are", async () => {
    await admin("queues/%2F/a%20b");
    await expect(call("send", { queue: "none", message: "x" })).rejects.toThrow(
      /no queue 'none'. There are: .*'orders'/,
    );
    await expect(call("receive", { queue: "../orders" })).rejects.toThrow(/no queue/);
    await call("send", { queue: "a b", message: "x" });
    expect(await call("receive", { queue: "a b" })).toEqual({ messages: ["x"], left: 0 });
    expect(await call("queues", {})).toMatchObject({
      queues: expect.arrayContaining([expect.objectContaining({ name: "orders" })]),
    });
  });

  test("refuses a wrong password", async () => {
    const secret = async (name: string): Promise<string | undefined> =>
      name === "RABBITMQ_PASSWORD" ? "wrong" : SECRETS[name];
    await expect(rabbit.call("queues", {}, { ...ports, secret })).rejects.toThrow(/no such user or password/);
  });
});
