import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edgeAddress } from "../../../node-agent/commands/edge-address.ts";
import { Redirect } from "../../../node-agent/edge/front/redirect.ts";

const redirect = new Redirect({ host: "127.0.0.1", port: 0, origin: "https://home.example" });
let port: number;
beforeAll(async () => {
  port = await redirect.listen();
});
afterAll(async () => await redirect.stop());

async function send(path: string, options: object = {}): Promise<IncomingMessage> {
  const outgoing = request({ host: "127.0.0.1", port, path, agent: false, ...options });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage]; // as Node emits it
  return response;
}

describe("plain http beside a certificate", () => {
  it.each([
    ["/", "/"],
    ["/jobs?state=queued", "/jobs?state=queued"],
    ["//evil.example/x", "//evil.example/x"],
    ["/%0d%0aset-cookie:a=b", "/%0d%0aset-cookie:a=b"],
  ])("sends %s to the same path over https, whatever host was asked for", async (path, there) => {
    const answer = await send(path, { headers: { host: "evil.example" } });
    expect(answer.statusCode).toBe(301);
    expect(answer.headers).toMatchObject({ location: `https://home.example${there}`, connection: "close" });
    expect(answer.headers).not.toHaveProperty("set-cookie");
    expect(await text(answer)).toBe("");
  });

  it.each([
    { headers: { authorization: "Bearer plk_live_x" } },
    { headers: { "x-api-key": "plk_live_x" } },
    { method: "POST" },
    { method: "DELETE" },
  ])("refuses a program: %j", async (options) => {
    const answer = await send("/v1/models", options);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers.location).toBeUndefined();
    expect(JSON.parse(await text(answer))).toMatchObject({
      error: {
        code: "invalid_request",
        message: expect.stringMatching(/Use https:\/\/home\.example, and take another/),
      },
    });
  });

  it("is no proxy, and takes no other hostile line", async () => {
    const raw = async (head: string): Promise<string> => {
      const peer = connect(port, "127.0.0.1");
      peer.end(head);
      return (await text(peer)).split("\r\n")[0] ?? "";
    };
    expect(await raw("GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/400/);
    expect(await raw("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/400/);
    expect(await raw(`GET /${"a".repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/431/);
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    expect(await raw(`GET /tunnel HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`)).toMatch(/301/);
  });
});

it("is only there beside a certificate, on a port of its own; localhost is not bound to https", () => {
  const files = { cert: "c.pem", key: "k.pem", port: 443 };
  expect(edgeAddress({ ...files, origin: "https://home.example", httpPort: 80 })).toMatchObject({
    httpPort: 80,
    hsts: true,
  });
  expect(edgeAddress({ ...files, origin: "https://localhost" }).hsts).toBe(false);
  expect(edgeAddress({ port: 8787, origin: "https://home.example", trustedProxy: "127.0.0.1" }).hsts).toBe(false);
  expect(() => edgeAddress({ port: 8787, httpPort: 80 })).toThrow(/needs --cert/);
  expect(() => edgeAddress({ ...files, origin: "https://home.example", httpPort: 443 })).toThrow(/beside --port/);
});
