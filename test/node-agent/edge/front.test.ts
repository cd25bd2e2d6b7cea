import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { request } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { loadCertificate } from "../../../node-agent/edge/front/certificate.ts";
import { FRONT_LIMITS } from "../../../node-agent/edge/front/limits.ts";
import { Front } from "../../../node-agent/edge/front/server.ts";
import { newVisitorHeader, parseTrusted } from "../../../node-agent/edge/front/visitor.ts";
import { makeCertificate } from "../../support/certificates.ts";

/** The front before a server of ours: real TLS and real sockets. */
describe("the front of a self-hosted edge", () => {
  let folder: string;
  let ca: string;
  let files: ReturnType<typeof makeCertificate>;
  let upstream: Server;
  let sockets: WebSocketServer;
  let target: string;
  let front: Front;
  let port: number;
  /** Requests that the upstream saw, and whether each one's client left. */
  let seen: { request: IncomingMessage; left: boolean }[];
  const visitorHeader = newVisitorHeader();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "porchlight-front-"));
    files = makeCertificate(folder, "front");
    ca = await readFile(files.certFile, "utf8");
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    seen = [];
    upstream = createServer((incoming, response) => {
      const entry = { request: incoming, left: false };
      seen.push(entry);
      response.once("close", () => (entry.left = !response.writableFinished));
      if (incoming.url === "/stream") response.write("first");
      else if (incoming.url === "/die") response.write("half", () => response.socket?.destroy());
      else if (incoming.url === "/flood") flood(response);
      else if (incoming.url === "/slow") response.write("begun, ", () => setTimeout(() => response.end("ended"), 200));
      else incoming.resume().once("end", () => response.end(JSON.stringify(incoming.headers)));
    });
    sockets = new WebSocketServer({ server: upstream });
    sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
    upstream.listen(0, "127.0.0.1");
    await once(upstream, "listening");
    target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const certificate = await loadCertificate(files, "localhost");
    front = new Front({ host: "127.0.0.1", port: 0, certificate, onlyTrusted: false, visitorHeader, hsts: true });
    port = await front.listen();
    front.pointAt(target);
  });
  afterEach(async () => {
    await front.stop();
    for (const socket of sockets.clients) socket.terminate();
    upstream.closeAllConnections();
    upstream.close();
  });

  const flood = (response: { write(text: string): boolean; once(event: "drain", then: () => void): unknown }) => {
    while (response.write("x".repeat(65_536))) written += 65_536;
    response.once("drain", () => flood(response));
  };
  let written = 0;

  /** Sends a request over TLS; resolves with the answer as soon as its head is there. */
  async function send(path: string, headers: Record<string, string> = {}, body?: string): Promise<IncomingMessage> {
    const outgoing = request({
      host: "localhost",
      port,
      path,
      headers,
      ca,
      method: body === undefined ? "GET" : "POST",
      agent: false,
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return response;
  }
  async function text(response: IncomingMessage): Promise<string> {
    let all = "";
    for await (const chunk of response) all += String(chunk);
    return all;
  }

  it("hands requests on over TLS, with the true address and nothing that was made up", async () => {
    const answer = await send(
      "/echo",
      { "x-forwarded-for": "1.2.3.4", "CF-Connecting-IP": "1.2.3.4", "x-kept": "yes" },
      "body",
    );
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["strict-transport-security"]).toBe("max-age=15552000");
    const headers = JSON.parse(await text(answer)) as Record<string, string>;
    expect(headers).toMatchObject({ [visitorHeader]: "127.0.0.1", "x-kept": "yes", host: `localhost:${port}` });
    expect(JSON.stringify(headers)).not.toContain("1.2.3.4");
  });

  it("carries WebSockets both ways, and ends each side when the other does", async () => {
    const socket = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    await once(socket, "open");
    const sent = Buffer.alloc(300_000, 7);
    socket.send(sent);
    const [echo] = (await once(socket, "message")) as [Buffer];
    expect(echo.equals(sent)).toBe(true);
    const [there] = [...sockets.clients];
    socket.terminate();
    if (there) await once(there, "close");
    const other = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    await once(other, "open");
    for (const client of sockets.clients) client.terminate();
    await once(other, "close");
  });

  it("lets the upstream know at once that a client left", async () => {
    const answer = await send("/stream");
    await once(answer, "data");
    answer.destroy();
    await expect.poll(() => seen[0]?.left, { interval: 5 }).toBe(true);
  });

  it("breaks an answer off that the upstream broke off: nobody takes it for whole", async () => {
    const answer = await send("/die");
    await expect(text(answer)).rejects.toThrow(/aborted/);
  });

  it("holds a fast answer back for a slow reader", async () => {
    written = 0;
    const answer = await send("/flood");
    answer.pause();
    await sleep(300);
    const after = written;
    await sleep(200);
    expect(written - after).toBeLessThan(1_000_000);
    expect(written).toBeLessThan(64_000_000);
    answer.destroy();
  });

  it("lets requests wait for an upstream that starts again", async () => {
    front.pointAt(undefined);
    const waiting = send("/echo");
    await sleep(50);
    expect(seen).toHaveLength(0);
    front.pointAt(target);
    expect((await waiting).statusCode).toBe(200);
  });

  it("says edge_restarting, and when to come again, while nothing answers behind it", async () => {
    front.pointAt("http://127.0.0.1:1");
    const answer = await send("/echo");
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("2");
    expect(answer.headers["strict-transport-security"]).toBe("max-age=15552000");
    expect(JSON.parse(await text(answer))).toMatchObject({ error: { code: "edge_restarting", type: "server_error" } });
    const socket = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toMatch(/503/);
  });

  it("drains: answers that are on their way end, who comes is told to come again, and it listens until the end", async () => {
    const answer = await send("/slow");
    const socket = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    await once(socket, "open");
    const drained = front.drain(60_000);
    const late = await send("/echo");
    expect(late.statusCode).toBe(503);
    expect(late.headers).toMatchObject({ "retry-after": "5", connection: "close" });
    expect(JSON.parse(await text(late))).toMatchObject({ error: { code: "edge_restarting" } });
    const dial = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    expect(((await once(dial, "error")) as [Error])[0].message).toMatch(/503/);
    socket.send("tunnels stay");
    expect(String(((await once(socket, "message")) as [Buffer])[0])).toBe("tunnels stay");
    expect(await text(answer)).toBe("begun, ended");
    await drained;
    await front.stop();
    await expect(send("/echo")).rejects.toThrow(/ECONNREFUSED/);
  });

  it("drains no longer than it was told, and than somebody has patience", async () => {
    const answer = await send("/stream");
    await once(answer, "data");
    await front.drain(20);
    const hurry = new AbortController();
    const drained = front.drain(60_000, hurry.signal);
    hurry.abort();
    await drained;
    answer.destroy();
  });

  it("lets nobody wait for workerd once it drains", async () => {
    front.pointAt(undefined);
    const waiting = send("/echo");
    await sleep(50);
    await front.drain(60_000);
    expect((await waiting).statusCode).toBe(503);
  });

  it("takes a new certificate for new connections while the old ones go on", async () => {
    const socket = new WebSocket(`wss://localhost:${port}/tunnel`, { ca });
    await once(socket, "open");
    const next = makeCertificate(folder, "renewed");
    front.renew(await loadCertificate(next, "localhost"));
    const peer = tlsConnect({
      host: "localhost",
      port,
      ca: await readFile(next.certFile, "utf8"),
      servername: "localhost",
    });
    await once(peer, "secureConnect");
    expect(peer.getPeerCertificate().subject.CN).toBe("renewed");
    peer.destroy();
    socket.send("still here");
    expect(String(((await once(socket, "message")) as [Buffer])[0])).toBe("still here");
    socket.terminate();
  });

  it("refuses what is no request to a website", async () => {
    const raw = async (head: string) => {
      const peer = tlsConnect({ host: "localhost", port, ca });
      peer.on("error", () => undefined);
      peer.write(head);
      let said = "";
      peer.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
      await Promise.race([once(peer, "close"), sleep(500)]);
      peer.destroy();
      return said.split("\r\n")[0] ?? "";
    };
    expect(await raw("CONNECT miniflare-unsafe-internal-capnp-connect:1 HTTP/1.1\r\nHost: x\r\n\r\n")).not.toMatch(
      /200/,
    );
    const smuggled = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await raw(smuggled)).toMatch(/400/);
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(FRONT_LIMITS.headerBytes)}\r\n\r\n`)).toMatch(/431/);
    expect(
      await raw(
        "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n",
      ),
    ).toMatch(/200/);
    expect(seen.map((entry) => entry.request.url)).toEqual(["/echo"]);
  });
});

it("over plain http beside other machines lets nobody in but the proxy, and believes that one", async () => {
  const upstream = createServer((incoming, response) => response.end(incoming.headers["x-visitor"])).listen(
    0,
    "127.0.0.1",
  );
  await once(upstream, "listening");
  const ask = async (trusted: string) => {
    const front = new Front({
      host: "127.0.0.1",
      port: 0,
      onlyTrusted: true,
      visitorHeader: "x-visitor",
      ...parsed(trusted),
    });
    const port = await front.listen();
    front.pointAt(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
    const answer = fetch(`http://127.0.0.1:${port}/`, { headers: { "x-forwarded-for": "9.9.9.9, 198.51.100.7" } });
    const said = await answer.then((response) => response.text()).catch(() => "closed");
    await front.stop();
    return said;
  };
  const parsed = (text: string) => {
    const trusted = parseTrusted(text);
    return trusted ? { trusted } : {};
  };
  expect(await ask("127.0.0.1")).toBe("198.51.100.7");
  expect(await ask("10.0.0.0/8")).toBe("closed");
  upstream.closeAllConnections();
  upstream.close();
});

it("closes connections that one address has too many of, and takes new ones when some have gone", async () => {
  const few = { connectionsPerVisitor: 5 };
  const front = new Front({ host: "127.0.0.1", port: 0, onlyTrusted: false, visitorHeader: "x-visitor", ...few });
  const port = await front.listen();
  const peers = Array.from({ length: 8 }, () => connect(port, "127.0.0.1"));
  let closed = 0;
  for (const peer of peers) {
    peer.on("error", () => undefined).once("close", () => closed++);
    peer.resume();
  }
  await expect.poll(() => closed, { interval: 5 }).toBe(3);
  for (const peer of peers) peer.destroy();
  front.pointAt("http://127.0.0.1:1");
  await expect
    .poll(() =>
      fetch(`http://127.0.0.1:${port}`)
        .then(({ status }) => status)
        .catch(() => 0),
    )
    .toBe(503);
  await front.stop();
});
