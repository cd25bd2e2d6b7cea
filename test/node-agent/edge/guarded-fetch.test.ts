import type { LookupAddress } from "node:dns";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { guardedFetch } from "../../../node-agent/edge/guarded-fetch.ts";
import { parseAllowedHosts } from "../../../shared/net/outbound-url.ts";
import { PRIVATE_URLS, STRANGE_URLS } from "../../support/ssrf-corpus.ts";

/** Stands for whatever listens on this machine: nothing may ever reach it. */
let secret: Server;
/** A receiver on the owner's network, which the owner allows. */
let own: Server;
let hits: string[] = [];
let received: { url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];

beforeAll(async () => {
  secret = createServer((request, response) => {
    hits.push(request.url ?? "");
    response.end("secret");
  });
  secret.on("connection", () => hits.push("connection"));
  own = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      received.push({ url: request.url ?? "", headers: request.headers, body });
      if (request.url === "/away") response.writeHead(302, { location: `http://127.0.0.1:${portOf(secret)}/` });
      response.end("thanks");
    });
  });
  for (const server of [secret, own]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
});
afterAll(async () => {
  for (const server of [secret, own]) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});
beforeEach(() => {
  hits = [];
  received = [];
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port; // it listens on TCP
const at = (url: string) => url.replace("PORT", String(portOf(secret)));

/** A resolver whose names mean what the test says, one answer after the other; the last for ever. */
function resolver(names: Record<string, string[][]>) {
  const asked: string[] = [];
  const resolve = async (hostname: string): Promise<LookupAddress[]> => {
    asked.push(hostname);
    const answers = names[hostname];
    if (answers === undefined) throw new Error("ENOTFOUND");
    const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  };
  return { resolve, asked };
}

const refusalOf = (response: Response) => response.headers.get("porchlight-refused");

it("connects to nothing of the corpus, although a server listens there", async () => {
  const fetcher = guardedFetch({ allowed: [], resolve: resolver({}).resolve });
  for (const url of [...PRIVATE_URLS, ...STRANGE_URLS].map(at)) {
    if (!URL.canParse(url) || new URL(url).username !== "") continue; // No Request can be made of it.
    const response = await fetcher(new Request(url, { method: "POST", body: "{}" }));
    expect([url, refusalOf(response)]).toEqual([url, "address"]);
  }
  expect(hits).toEqual([]);
});

it("looks at what a name means: all of it, whatever it looks like", async () => {
  const names: Record<string, string[][]> = {};
  const lying = [
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "::1",
    "::ffff:127.0.0.1",
    "fd00::1",
    "64:ff9b::7f00:1",
    "fe80::1%lo",
  ];
  for (const [index, address] of lying.entries()) names[`n${index}.example.com`] = [[address]];
  names["both.example.com"] = [["93.184.216.34", "127.0.0.1"]];
  const { resolve } = resolver(names);
  const fetcher = guardedFetch({ allowed: [], resolve });
  for (const name of Object.keys(names)) {
    const response = await fetcher(new Request(`https://${name}:${portOf(secret)}/`));
    expect([name, refusalOf(response)]).toEqual([name, "address"]);
  }
  expect(hits).toEqual([]);
});

it("asks once: a name that means another place a moment later gains nothing", async () => {
  const left = new AbortController();
  const { resolve, asked } = resolver({ "rebind.example.com": [["93.184.216.34"], ["127.0.0.1"]] });
  const fetcher = guardedFetch({
    allowed: [],
    resolve: async (name) => {
      left.abort(); // No test talks to the world.
      return await resolve(name);
    },
  });
  const url = `https://rebind.example.com:${portOf(secret)}/`;
  expect(refusalOf(await fetcher(new Request(url, { signal: left.signal })))).toBe("unreachable");
  expect(asked).toEqual(["rebind.example.com"]);
  expect(refusalOf(await fetcher(new Request(url)))).toBe("address");
  expect(hits).toEqual([]);
});

it("connects to the address that was judged, whatever the name means by then", async () => {
  const { resolve, asked } = resolver({ "nas.local": [["127.0.0.1"], ["192.0.2.1"]] });
  const fetcher = guardedFetch({ allowed: parseAllowedHosts("nas.local"), resolve });
  expect((await fetcher(new Request(`http://nas.local:${portOf(own)}/`))).status).toBe(200);
  expect(asked).toEqual(["nas.local"]);
});

it("reaches a host that the owner allows, on that port only, and passes on what it sends", async () => {
  const names = { "nas.local": [["127.0.0.1"]] };
  const fetcher = guardedFetch({ allowed: parseAllowedHosts(`nas.local:${portOf(own)}`), ...resolver(names) });
  const headers = { "webhook-id": "msg_1", "content-type": "application/json", "cf-connecting-ip": "1.2.3.4" };
  const request = new Request(`http://nas.local:${portOf(own)}/hook?a=1`, { method: "POST", headers, body: '{"a":1}' });
  const response = await fetcher(request);
  expect([response.status, await response.text()]).toEqual([200, "thanks"]);
  expect(received).toMatchObject([
    { url: "/hook?a=1", body: '{"a":1}', headers: { host: `nas.local:${portOf(own)}`, "webhook-id": "msg_1" } },
  ]);
  expect(received[0]?.headers).not.toHaveProperty("cf-connecting-ip");
  expect(refusalOf(await fetcher(new Request(`http://nas.local:${portOf(secret)}/`)))).toBe("address");
  expect(hits).toEqual([]);
});

it("says what cannot be reached", async () => {
  const fetcher = guardedFetch({
    allowed: parseAllowedHosts("gone.local:1"),
    ...resolver({ "gone.local": [["127.0.0.1"]] }),
  });
  expect(refusalOf(await fetcher(new Request("http://gone.local:1/")))).toBe("unreachable");
  expect(refusalOf(await fetcher(new Request("https://nowhere.example.com/")))).toBe("unreachable");
});

it("guards a Worker in workerd, redirects too, whether it follows them itself or not", async () => {
  const script = `export default { async fetch(request) {
    const { url, redirect } = await request.json();
    try {
      const response = await fetch(url, { method: "POST", body: "{}", redirect });
      return Response.json({ status: response.status, refused: response.headers.get("porchlight-refused"), text: await response.text() });
    } catch (error) {
      return Response.json({ error: String(error) });
    }
  } }`;
  const guard = guardedFetch({
    allowed: parseAllowedHosts(`nas.local:${portOf(own)}`),
    ...resolver({ "nas.local": [["127.0.0.1"]], "evil.example.com": [["127.0.0.1"]] }),
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "w",
      modules: true,
      script,
      compatibilityDate: "2026-10-01",
      cf: false,
      outboundService: guard,
    }),
  );
  try {
    const ask = async (url: string, redirect: string): Promise<unknown> =>
      (await miniflare.dispatchFetch("http://w/", { method: "POST", body: JSON.stringify({ url, redirect }) })).json();
    const base = `http://nas.local:${portOf(own)}`;
    expect(await ask(`${base}/`, "manual")).toEqual({ status: 200, refused: null, text: "thanks" });
    expect(await ask(`${base}/away`, "manual")).toMatchObject({ status: 302, refused: null });
    expect(await ask(`${base}/away`, "follow")).toMatchObject({ status: 502, refused: "address" });
    for (const url of [
      `https://evil.example.com:${portOf(secret)}/`,
      at("http://127.0.0.1:PORT/"),
      at("https://[::1]:PORT/"),
    ]) {
      expect([url, await ask(url, "follow")]).toEqual([url, { status: 502, refused: "address", text: "" }]);
    }
    expect(hits).toEqual([]);
  } finally {
    await miniflare.dispose();
  }
});
