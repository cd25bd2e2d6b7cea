import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, describe, expect, test } from "vitest";
import type { HostPorts } from "../../shared/plugin/host/grants.ts";
import { toHex } from "../../shared/plugin/hex.ts";
import { firstParty } from "../support/first-party.ts";

const s3 = await firstParty("s3");
afterAll(async () => await s3.stop());

const SECRETS: Record<string, string> = {
  S3_ENDPOINT: "https://store.example.com",
  S3_BUCKET: "notes",
  S3_REGION: "eu-central-1",
  S3_ACCESS_KEY_ID: "AKIDEXAMPLE",
  S3_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const PICTURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]);

const xml = (status: number, text: string): Response =>
  new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${text}`, { status });
const problem = (status: number, code: string): Response =>
  xml(status, `<Error><Code>${code}</Code><Message>It is so.</Message></Error>`);

/** A bucket in memory, as S3's reference describes it; a real server of others is asked by test/campaign/object-storage.ts. */
function store(secrets: Partial<Record<string, string>> = SECRETS): HostPorts & { objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    secret: async (name) => await Promise.resolve(secrets[name]),
    files: {
      list: async () => await Promise.resolve([{ id: "f1", name: "lamp.png", type: "image/png", bytes: 5 }]),
      read: async () => await Promise.resolve(PICTURE),
    },
    guardedFetch: async (request) => {
      const url = new URL(request.url);
      const body = new Uint8Array(await request.arrayBuffer());
      const sha256 = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", body)));
      expect(request.headers.get("x-amz-content-sha256")).toBe(sha256);
      expect(request.headers.get("authorization")).toBe(await signatureOf(request));
      const [, bucket, ...rest] = url.pathname.split("/");
      if (bucket !== "notes") return problem(404, "NoSuchBucket");
      const key = decodeURIComponent(rest.join("/"));
      if (key === "") return listing(url.searchParams, objects);
      if (key === "secret") return problem(403, "AccessDenied");
      if (request.method === "PUT") objects.set(key, body);
      if (request.method === "DELETE") objects.delete(key);
      if (request.method !== "GET") return new Response(null, { status: request.method === "PUT" ? 200 : 204 });
      const found = objects.get(key);
      if (found === undefined) return problem(404, "NoSuchKey");
      if (found.length === 0) return problem(416, "InvalidRange");
      const [, last = ""] = request.headers.get("range")?.split("-") ?? [];
      return new Response(new Uint8Array(found.slice(0, Number(last) + 1)), { status: 206 });
    },
  };
}

const { S3_ACCESS_KEY_ID: accessKeyId = "", S3_SECRET_ACCESS_KEY: secretAccessKey = "" } = SECRETS;
const signer = new SignatureV4({
  credentials: { accessKeyId, secretAccessKey },
  region: "eu-central-1",
  service: "s3",
  sha256: Sha256,
  uriEscapePath: false,
  applyChecksum: false,
});

function requestOf(method: string, url: URL, headers: Record<string, string>) {
  const query = Object.fromEntries(url.searchParams);
  return { method, protocol: "https:", hostname: url.hostname, path: url.pathname, query, headers };
}

/** A date as signatures write it: 20261123T090000Z. */
function signedAt(text: string): Date {
  return new Date(text.replace(/^(....)(..)(..T..)(..)/, "$1-$2-$3:$4:"));
}

/** What AWS's own code says the header should be, over the headers that were signed. */
async function signatureOf({ method, url, headers }: Request): Promise<string | undefined> {
  const [, names = ""] = /SignedHeaders=([^,]*)/.exec(headers.get("authorization") ?? "") ?? [];
  const own = { ...Object.fromEntries(headers), host: new URL(url).host };
  const signed = Object.fromEntries(Object.entries(own).filter(([name]) => names.split(";").includes(name)));
  const request = requestOf(method, new URL(url), signed);
  const signingDate = signedAt(headers.get("x-amz-date") ?? "");
  return (await signer.sign(request, { signingDate })).headers["authorization"];
}

function listing(asked: URLSearchParams, objects: ReadonlyMap<string, Uint8Array>): Response {
  const [prefix, after] = [asked.get("prefix") ?? "", asked.get("start-after") ?? ""];
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted();
  const most = Number(asked.get("max-keys"));
  const rows = keys
    .slice(0, most)
    .map(
      (key) =>
        `<Contents><Key>${key.replaceAll("&", "&amp;")}</Key><LastModified>2026-11-23T09:00:00.000Z</LastModified><Size>${objects.get(key)?.length}</Size></Contents>`,
    );
  return xml(
    200,
    `<ListBucketResult><IsTruncated>${keys.length > most}</IsTruncated>${rows.join("")}</ListBucketResult>`,
  );
}

describe("a bucket", () => {
  test("keeps texts and picked files under keys of any letters, lists, reads and forgets them", async () => {
    const ports = store();
    expect(await s3.call("store", { key: "notes/一 & 二.txt", text: "灯" }, ports)).toEqual({
      stored: "notes/一 & 二.txt",
      bytes: 3,
    });
    expect(await s3.call("store", { key: "lamp.png" }, ports)).toEqual({ stored: "lamp.png", bytes: 5 });
    expect(ports.objects.get("lamp.png")).toEqual(PICTURE);
    expect(await s3.call("list", { prefix: "notes/" }, ports)).toEqual({
      objects: [{ key: "notes/一 & 二.txt", bytes: 3, changed: "2026-11-23T09:00:00.000Z" }],
      truncated: false,
    });
    expect(await s3.call("read", { key: "notes/一 & 二.txt" }, ports)).toMatchObject({ text: "灯" });
    await expect(s3.call("read", { key: "lamp.png" }, ports)).rejects.toThrow("Make a link");
    expect(await s3.call("remove", { key: "lamp.png" }, ports)).toEqual({ removed: "lamp.png" });
    await expect(s3.call("read", { key: "lamp.png" }, ports)).rejects.toThrow("There is no object 'lamp.png'.");
  });

  test("reads what is empty, and the beginning of what is large", async () => {
    const ports = store();
    ports.objects.set("empty", new Uint8Array());
    ports.objects.set("large", new TextEncoder().encode("x".repeat(1_200_000)));
    expect(await s3.call("read", { key: "empty" }, ports)).toMatchObject({ text: "", only_the_beginning: false });
    expect(await s3.call("read", { key: "large", start: 999_990 }, ports)).toMatchObject({
      text: "x".repeat(10),
      characters: 1_000_000,
      only_the_beginning: true,
    });
  });

  test("lists page by page", async () => {
    const ports = store();
    for (let i = 0; i < 150; i++) ports.objects.set(`key${String(i).padStart(3, "0")}`, new Uint8Array(i));
    expect(await s3.call("list", {}, ports)).toMatchObject({ truncated: true });
    expect(await s3.call("list", { after: "key099" }, ports)).toMatchObject({
      truncated: false,
      objects: expect.arrayContaining([{ key: "key149", bytes: 149, changed: expect.any(String) }]),
    });
  });

  test("gives links that are signed, end, and ask the store for nothing", async () => {
    const made = await s3.call("link", { key: "a b/ü.txt", hours: 2 }, store());
    const { link } = made as { link: string; hours: number }; // as the plugin promises
    const { pathname, searchParams } = new URL(link);
    expect(pathname).toBe("/notes/a%20b/%C3%BC.txt");
    expect(searchParams.get("X-Amz-Expires")).toBe("7200");
    const unsigned = new URL(`https://store.example.com${pathname}`);
    const headers = { host: unsigned.host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
    const apart = new Set(["x-amz-content-sha256"]);
    const expected = await signer.presign(requestOf("GET", unsigned, headers), {
      unsignableHeaders: apart,
      unhoistableHeaders: apart,
      signingDate: signedAt(searchParams.get("X-Amz-Date") ?? ""),
      expiresIn: 7_200,
    });
    expect(searchParams.get("X-Amz-Signature")).toBe(expected.query?.["X-Amz-Signature"]);
    expect(link).not.toContain(SECRETS["S3_SECRET_ACCESS_KEY"]);
  });
});

describe("what goes wrong is told in words", () => {
  test.each(["../other/x", "a/../b", "./a", "/a"])("a key that would lead elsewhere: %s", async (key) => {
    await expect(s3.call("store", { key, text: "x" }, store())).rejects.toThrow("is no key");
    await expect(s3.call("link", { key }, store())).rejects.toThrow("is no key");
  });

  test("a bucket that is not there, a key that may not, what is missing", async () => {
    const other = store({ ...SECRETS, S3_BUCKET: "other" });
    await expect(s3.call("list", {}, other)).rejects.toThrow("no bucket of the name");
    await expect(s3.call("read", { key: "secret" }, store())).rejects.toThrow("does not let this key");
    await expect(s3.call("list", {}, store({}))).rejects.toThrow("S3_ENDPOINT is not set");
    const plain = store({ ...SECRETS, S3_ENDPOINT: "http://store.example.com" });
    await expect(s3.call("list", {}, plain)).rejects.toThrow("https address");
    await expect(s3.call("list", {}, store({ ...SECRETS, S3_BUCKET: "a/../b" }))).rejects.toThrow("name of a bucket");
  });

  test.each([
    ["a page", "<html><body>Welcome"],
    [
      "entities without end",
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ListBucketResult>&b;</ListBucketResult>',
    ],
    ["nothing", ""],
  ])("an answer that is none: %s", async (_, text) => {
    const ports = { ...store(), guardedFetch: async () => await Promise.resolve(new Response(text)) };
    await expect(s3.call("list", {}, ports)).rejects.toThrow("not that of an S3 store");
  });

  test("a file that is too large", async () => {
    const files = { ...store().files, list: async () => [{ id: "f", name: "film", type: "", bytes: 9_000_000 }] };
    const ports = { ...store(), files } as HostPorts; // the rest is as it was
    await expect(s3.call("store", { key: "film" }, ports)).rejects.toThrow("9000000 bytes");
  });
});
