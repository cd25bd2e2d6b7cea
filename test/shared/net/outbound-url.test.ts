import { describe, expect, it } from "vitest";
import { allowsHost, judgeUrl, parseAllowedHosts } from "../../../shared/net/outbound-url.ts";
import { isPublicAddress } from "../../../shared/net/public-address.ts";
import { PRIVATE_URLS, PUBLIC_URLS, STRANGE_URLS } from "../../support/ssrf-corpus.ts";

const at = (url: string) => url.replace("PORT", "8443");

describe("judgeUrl", () => {
  it.each(PRIVATE_URLS)("refuses %s as private", (url) => {
    expect(judgeUrl(at(url), [])).toEqual({ refusal: "private_host" });
  });

  it.each(STRANGE_URLS)("refuses %s", (url) => {
    expect(judgeUrl(at(url), [])).toHaveProperty("refusal");
  });

  it.each(PUBLIC_URLS)("takes %s", (url) => {
    expect(judgeUrl(url, [])).toHaveProperty("url");
  });

  it("takes hosts of one's own that are allowed, with their port or any, without TLS too", () => {
    const allowed = parseAllowedHosts("nas.local, 192.168.1.20:8123 [fd00::20]:80\n10.0.0.5:443");
    const takes = (url: string) => "url" in judgeUrl(url, allowed);
    for (const url of ["http://nas.local/", "https://NAS.local:99/", "http://192.168.1.20:8123/hook"]) {
      expect([url, takes(url)]).toEqual([url, true]);
    }
    for (const url of ["http://[fd00:0::20]/", "https://10.0.0.5/"]) expect([url, takes(url)]).toEqual([url, true]);
    for (const url of [
      "http://192.168.1.20/",
      "http://192.168.1.21:8123/",
      "http://10.0.0.5/",
      "http://a.nas.local/",
    ]) {
      expect([url, takes(url)]).toEqual([url, false]);
    }
    expect(takes("ftp://nas.local/")).toBe(false);
    expect(takes("http://me@nas.local/")).toBe(false);
  });

  it("allows nobody by an empty list, and says what in a list is no host", () => {
    expect(parseAllowedHosts(" ,\n")).toEqual([]);
    expect(allowsHost([], new URL("http://nas.local/"))).toBe(false);
    for (const text of ["http://nas.local", "nas.local/x", "a@b", "[::1", "nas:port", "*?"]) {
      expect(() => parseAllowedHosts(text), text).toThrow(RangeError);
    }
  });
});

it("takes no address for public that is none", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "1.2.3.-4",
    "fe80::1%eth0",
    ":::",
    "1::2::3",
    "12345::",
    "::1.2.3",
  ]) {
    expect([text, isPublicAddress(text)]).toEqual([text, false]);
  }
  for (const text of [
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "2a00::1",
    "64:ff9b::808:808",
  ]) {
    expect([text, isPublicAddress(text)]).toEqual([text, true]);
  }
});
