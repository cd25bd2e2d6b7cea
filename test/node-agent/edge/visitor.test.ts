import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import {
  markVisitor,
  newVisitorHeader,
  parseTrusted,
  plainAddress,
  visitorOf,
} from "../../../node-agent/edge/front/visitor.ts";

const requestFrom = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage; // the two parts that are read
const through = (forwarded: string) => requestFrom("10.0.0.1", { "x-forwarded-for": forwarded });
const trusted = parseTrusted("10.0.0.0/8, ::1,fd00::/8");

describe("where a request comes from", () => {
  it("is the socket's address, whatever the request says, where no proxy is trusted", () => {
    for (const name of ["x-forwarded-for", "cf-connecting-ip", "x-real-ip", "forwarded"]) {
      expect(visitorOf(requestFrom("203.0.113.9", { [name]: "1.2.3.4" }), undefined)).toBe("203.0.113.9");
    }
  });

  it.each([
    ["198.51.100.7", "198.51.100.7"],
    // What a visitor sent stands on the left of what the proxy saw.
    ["1.2.3.4, 198.51.100.7", "198.51.100.7"],
    ["10.0.0.5, 198.51.100.7", "198.51.100.7"],
    ["198.51.100.7, 10.0.0.5, 10.0.0.6", "198.51.100.7"],
    ["1.2.3.4,198.51.100.7, fd00::5", "198.51.100.7"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["198.51.100.7:5123", "198.51.100.7"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    // The proxy's word is no address: what is known for certain is the proxy.
    ["unknown", "10.0.0.1"],
    ["198.51.100.7, ", "10.0.0.1"],
    ["", "10.0.0.1"],
    ["198.51.100.7, <script>", "10.0.0.1"],
  ])("behind a trusted proxy that says %j is %s", (forwarded, visitor) => {
    expect(visitorOf(through(forwarded), trusted)).toBe(visitor);
  });

  it("does not take a stranger's word, nor that of a network that only looks like a trusted one", () => {
    const claim = { "x-forwarded-for": "1.2.3.4" };
    expect(visitorOf(requestFrom("11.0.0.1", claim), trusted)).toBe("11.0.0.1");
    expect(visitorOf(requestFrom("fe80::1%eth0", claim), trusted)).toBe("fe80::1");
    expect(visitorOf(requestFrom("::ffff:11.0.0.1", claim), trusted)).toBe("11.0.0.1");
    expect(visitorOf(requestFrom("::ffff:10.9.9.9", claim), trusted)).toBe("1.2.3.4");
    expect(visitorOf(requestFrom(undefined, claim), trusted)).toBe("");
  });

  it("is said under a name nobody can guess, and nothing else that sounds like it gets through", () => {
    const header = newVisitorHeader();
    expect(header).not.toBe(newVisitorHeader());
    const headers = {
      host: "home.example",
      authorization: "Bearer k",
      "cf-connecting-ip": "1.1.1.1",
      "cf-worker": "x",
      "mf-cf-blob": "{}",
      "mf-original-url": "http://x",
      "x-forwarded-for": "1.1.1.1",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "https",
      forwarded: "for=1.1.1.1",
      "x-real-ip": "1.1.1.1",
      "true-client-ip": "1.1.1.1",
      "porchlight-visitor-00": "1.1.1.1",
      [header]: "1.1.1.1",
      "porchlight-agent": "id",
    };
    const request = requestFrom("203.0.113.9", headers);
    markVisitor(request, header, undefined);
    expect(request.headers).toEqual({
      host: "home.example",
      authorization: "Bearer k",
      [header]: "203.0.113.9",
      "porchlight-agent": "id",
    });
  });
});

it.each([
  "",
  "nonsense",
  "10.0.0.0/33",
  "10.0.0.0/-1",
  "10.0.0.0/8/8",
  "fd00::/129",
  "10.0.0.1,,",
  "example.com",
  "10.0.0.0/",
])("takes %j for no proxy", (text) => {
  expect(parseTrusted(text)).toBeUndefined();
});

it("shows an address without its clothes", () => {
  expect(plainAddress("::ffff:not-an-address")).toBe("::ffff:not-an-address");
  expect(plainAddress("2001:db8::1")).toBe("2001:db8::1");
});
