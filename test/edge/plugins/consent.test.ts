import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { namedTools } from "../../../edge/home/plugins/tool-names.ts";
import type { Installed } from "../../../edge/home/plugins/installed.ts";
import { readPackage, writePackage } from "../../../shared/plugin/package.ts";
import { signManifest } from "../../../shared/plugin/signature.ts";
import { errorOf, type Owner, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { call, inspect, type Inspected, install, packed } from "./support.ts";

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

async function keyPair() {
  const keys = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("not a key pair");
  return keys;
}

async function signed(bytes: Uint8Array, keys: Awaited<ReturnType<typeof keyPair>>): Promise<Uint8Array<ArrayBuffer>> {
  const { manifest, files } = await readPackage(bytes);
  return writePackage(manifest, files, await signManifest(manifest, keys));
}

it("goes over to another signer for the person's word alone", async () => {
  const [one, two] = await Promise.all([keyPair(), keyPair()]);
  const first = await install(owner.apiKey, await signed(await packed({ a: "return 1" }), one));
  expect(first.signer).toMatch(/^[\w-]{43}$/);
  const next = await signed(await packed({ a: "return 2" }, { version: "2.0.0" }), two);
  const { hash, signer } = await (await inspect(owner.apiKey, next)).json<Inspected>();
  expect(signer).not.toBe(first.signer);
  const refused = await send(owner.apiKey, "POST", "/api/plugins", { hash, permissions: {} });
  expect(await errorOf(refused)).toMatchObject({ code: "plugin_signer_changed" });
  expect(await call(owner.apiKey, "a")).toMatchObject({ value: 1 });
  expect((await send(owner.apiKey, "POST", "/api/plugins", { hash, permissions: {}, newSigner: true })).status).toBe(
    201,
  );
  expect(await call(owner.apiKey, "a")).toMatchObject({ value: 2 });
});

it("refuses a signature of another manifest, and takes the place of a package without one", async () => {
  const keys = await keyPair();
  const bytes = await packed({ a: "return 3" }, { name: "@test/signed" });
  const { manifest, files } = await readPackage(bytes);
  const other = await readPackage(await packed({ a: "return 4" }));
  const forged = writePackage(manifest, files, await signManifest(other.manifest, keys));
  expect(await errorOf(await inspect(owner.apiKey, forged))).toMatchObject({ code: "plugin_invalid" });
  expect((await (await inspect(owner.apiKey, bytes)).json<Inspected>()).signer).toBeNull();
  expect((await (await inspect(owner.apiKey, await signed(bytes, keys))).json<Inspected>()).signer).not.toBeNull();
  // Somebody else's signature of the same does not take the first one's place.
  const late = await (await inspect(owner.apiKey, await signed(bytes, await keyPair()))).json<Inspected>();
  expect(late.signer).toBe((await readPackage(await signed(bytes, keys))).signature?.publicKey);
});

it("runs no more what the market took back", async () => {
  const made = await install(owner.apiKey, await packed({ a: "return 1" }, { name: "@test/taken" }));
  expect(await call(owner.apiKey, "a", {}, "test/taken")).toMatchObject({ ok: true });
  await env.DB.prepare(
    "INSERT INTO market_revocations (hash, name, version, reason, words, at) VALUES (?, '@test/taken', '1.0.0', 'malware', 'x', 1)",
  )
    .bind(made.hash)
    .run();
  expect(await call(owner.apiKey, "a", {}, "test/taken")).toMatchObject({
    ok: false,
    error: { code: "plugin_revoked" },
  });
  const again = await send(owner.apiKey, "POST", "/api/plugins", { hash: made.hash, permissions: {} });
  expect(again.status).toBe(410);
});

it("names each tool once, as models take names", () => {
  const of = (name: string, ...tools: string[]): Installed =>
    ({ name, tools: tools.map((tool) => ({ name: tool })) }) as unknown as Installed; // what names are made of
  const named = namedTools([
    of("@a/calc", "add"),
    of("@b/calc", "add"),
    of("@b/other", "x".repeat(64), `${"x".repeat(63)}y`),
  ]).map(({ name }) => name);
  expect(named.slice(0, 2)).toEqual(["a-calc__add", "b-calc__add"]);
  expect(new Set(named).size).toBe(4);
  for (const name of named) expect(name).toMatch(/^[a-z0-9_-]{1,64}$/);
  // Names that another plugin, or a mounted server, would answer to.
  const alike = namedTools([
    of("@a/b-calc", "add"),
    of("@a-b/calc", "add"),
    of("@c/calc", "add"),
    of("@d/mcp-bank", "pay"),
  ]);
  const names = alike.map(({ name }) => name);
  expect(new Set(names).size).toBe(4);
  expect(names).toEqual(["b-calc__add", "a-b-calc__add", "c-calc__add", "d-mcp-bank__pay"]);
  const twins = namedTools([
    of("@x/a-calc", "add"),
    of("@a/calc", "add"),
    of("@b/calc", "add"),
    of("@mcp/x", "y"),
    of("@e/x", "y"),
  ]);
  expect(new Set(twins.map(({ name }) => name)).size).toBe(5);
  for (const { name } of twins) expect(name).toMatch(/^(?!mcp-)[a-z0-9_-]{1,64}$/);
});
