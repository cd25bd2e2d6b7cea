import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { enrol } from "../../../node-agent/link/enrol.ts";
import { type Identity, loadIdentity } from "../../../node-agent/link/identity.ts";
import { verifyEnrolment } from "../../../shared/protocol/signatures.ts";

let root: string;
let identity: Identity;
let server: Server;
let origin: string;
let answer: (...exchange: Parameters<RequestListener>) => void | Promise<void>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "porchlight-enrol-"));
  identity = await loadIdentity(join(root, "identity.json"));
});
afterAll(() => rm(root, { recursive: true }));

beforeEach(async () => {
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's address
  origin = `http://127.0.0.1:${port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const pairing = () => ({ agentId: "agt_1", origin, tunnelUrl: `${origin.replace("http", "ws")}/tunnel` });

/** Answers every request with this. */
function always(status: number, body: unknown, headers: Record<string, string> = {}): void {
  answer = (_request, response) => {
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

test("sends its key with a signature that fits, and takes the pairing", async () => {
  const seen: { url?: string | undefined; body: string } = { body: "" };
  answer = async (request, response) => {
    seen.url = request.url;
    for await (const chunk of request) {
      seen.body += String(chunk);
    }
    response.end(JSON.stringify(pairing()));
  };
  expect(await enrol({ url: `${origin}/j/CODE-1_x`, identity, name: "kitchen" })).toEqual(pairing());
  const body = JSON.parse(seen.body);
  expect(seen.url).toBe("/j/CODE-1_x");
  expect(body).toMatchObject({ publicKey: identity.publicKey, name: "kitchen" });
  expect(await verifyEnrolment(body.publicKey, body.signature, { origin, code: "CODE-1_x" })).toBe(true);
});

test.each([
  ["nonsense"],
  ["https://door.example/"],
  ["https://door.example/j/"],
  ["https://door.example/j/a/b"],
  ["ftp://door.example/j/code"],
  ["http://door.example/j/code"],
  ["http://192.168.1.4/j/code"],
])("refuses the link %s before it sends anything", async (url) => {
  await expect(enrol({ url, identity, name: "n" })).rejects.toMatchObject({ code: "invalid_request" });
});

const link = () => ({ url: `${origin}/j/code`, identity, name: "n" });

test("passes the edge's own sentence on", async () => {
  always(410, { error: { code: "code_used_or_expired", message: "Used at noon." } });
  await expect(enrol(link())).rejects.toMatchObject({ code: "code_used_or_expired", message: "Used at noon." });
});

test.each([
  [404, "not here", "code_used_or_expired"],
  [502, "<html>bad gateway</html>", "edge_unreachable"],
  [400, { error: { code: "never_heard_of", message: "No." } }, "invalid_request"],
  [200, "<html>captive portal</html>", "edge_unreachable"],
  [200, { agentId: "a" }, "edge_unreachable"],
  [200, " ".repeat(100_000), "edge_unreachable"],
])("understands an answer of %i with %j as %s", async (status, body, code) => {
  always(status, body);
  await expect(enrol(link())).rejects.toMatchObject({ code });
});

test("follows no redirect", async () => {
  always(307, "", { location: "https://evil.example/j/code" });
  await expect(enrol(link())).rejects.toMatchObject({ code: "edge_unreachable" });
});

test("does not let the edge move it to another address", async () => {
  always(200, { ...pairing(), origin: "https://evil.example" });
  await expect(enrol(link())).rejects.toMatchObject({ code: "invalid_request" });
  always(200, { ...pairing(), tunnelUrl: "wss://evil.example/tunnel" });
  await expect(enrol(link())).rejects.toMatchObject({ code: "invalid_request" });
});

test("says when nobody is there", async () => {
  server.close();
  await expect(enrol(link())).rejects.toMatchObject({
    code: "edge_unreachable",
    message: expect.stringContaining(origin),
  });
});
