import type { webcrypto } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { PorchlightError } from "../../../shared/errors.ts";
import { canonicalJson } from "../../../shared/plugin/canonical.ts";
import { writeArchive } from "../../../shared/plugin/archive.ts";
import { manifestDraftSchema } from "../../../shared/plugin/manifest.ts";
import { completeManifest, manifestHash, readPackage, writePackage } from "../../../shared/plugin/package.ts";
import { isPackagePath } from "../../../shared/plugin/path.ts";
import { signManifest, verifyManifest } from "../../../shared/plugin/signature.ts";
import { mismatch, parseToolList } from "../../../shared/plugin/tool-list.ts";

const text = (words: string) => new TextEncoder().encode(words);
const files = new Map([
  ["main.js", text("export default {}")],
  ["data/table.bin", new Uint8Array(1_000).fill(7)],
]);
const draft = {
  name: "@porchlight/hello",
  version: "1.0.0",
  title: { en: "Hello", zh: "你好" },
  description: { en: "Greets.", zh: "打招呼。" },
  kind: "tool",
  entry: "main.js",
};
const manifest = await completeManifest(manifestDraftSchema.parse(draft), files);

describe("a package", () => {
  test("comes back as it was, and its bytes depend on its content alone", async () => {
    const bytes = writePackage(manifest, files);
    const back = await readPackage(bytes);
    expect(back.manifest).toEqual(manifest);
    expect(back.files.get("data/table.bin")).toEqual(files.get("data/table.bin"));
    const turned = new Map([...files].toReversed());
    expect(writePackage(await completeManifest(manifestDraftSchema.parse(draft), turned), turned)).toEqual(bytes);
  });

  test("is refused or another one with any byte of it changed, and refused when cut off", async () => {
    const bytes = writePackage(manifest, files);
    const original = await manifestHash(manifest);
    for (let at = 0; at < bytes.length; at += 37) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x41;
      const outcome = await readPackage(damaged).then(
        ({ hash }) => hash, // words of the manifest may be others: then consent and signature are not for it
        (error: PorchlightError) => error.code,
      );
      expect(outcome, `byte ${at}`).not.toBe(original);
      if (outcome.length !== 64) expect(outcome).toBe("plugin_invalid");
    }
    for (const length of [0, 1, 512, bytes.length - 512, bytes.length - 1])
      await expect(readPackage(bytes.slice(0, length))).rejects.toMatchObject({ code: "plugin_invalid" });
    await expect(readPackage(new Uint8Array([...bytes, 0]))).rejects.toMatchObject({ code: "plugin_invalid" });
  });

  test.each(["../up", "/root", "a//b", "a/../b", ".hidden", "a\\b", "C:x", "con", "aux.js", "a.", "é", "a b", ""])(
    "has no file %j",
    async (path) => {
      expect(isPackagePath(path)).toBe(false);
      await expect(readPackage(writeArchive([[path, text("x")]]))).rejects.toMatchObject({ code: "plugin_invalid" });
    },
  );

  test("has no link, no two names that a disk may take for one, and no file that the manifest does not name", async () => {
    const link = writePackage(manifest, files);
    link[156] = 0x32; // a symbolic link, by ustar
    await expect(readPackage(link)).rejects.toMatchObject({ code: "plugin_invalid" });
    const manifestText = text(canonicalJson(manifest));
    const whole: [string, Uint8Array][] = [
      ["manifest.json", manifestText],
      ...[...files].toSorted(([one], [other]) => (one < other ? -1 : 1)),
    ];
    await expect(readPackage(writeArchive(whole))).resolves.toBeDefined();
    await expect(readPackage(writeArchive([...whole, ["MAIN.js", text("x")]]))).rejects.toThrow("case");
    await expect(readPackage(writeArchive([...whole, ["more.js", text("x")]]))).rejects.toThrow("other files");
    await expect(readPackage(writeArchive([...whole].slice(0, 2)))).rejects.toThrow("other files");
  });
});

describe("a manifest", () => {
  test.each([
    ["name", "hello"],
    ["name", "@a/b/c"],
    ["version", "1.0"],
    ["title", { en: "Hello" }],
    ["kind", "virus"],
    ["entry", "../main.js"],
    ["permissions", { net: ["*.example.com"] }],
    ["permissions", { net: ["*", "example.com"] }],
    ["permissions", { net: ["localhost"] }],
    ["permissions", { net: ["127.0.0.1"] }],
    ["permissions", { root: true }],
    ["permissions", { storageBytes: 1e12 }],
    ["description", { en: "x".repeat(501), zh: "x" }],
    ["surprise", 1],
  ])("with %s %j is refused", (member, value) => {
    expect(manifestDraftSchema.safeParse({ ...draft, [member]: value }).success).toBe(false);
  });

  test("signed speaks for its publisher, and for nothing that was changed", async () => {
    const keys = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as webcrypto.CryptoKeyPair; // a pair, as its algorithm has one
    const signature = await signManifest(manifest, keys);
    const { manifest: carried, signature: read } = await readPackage(writePackage(manifest, files, signature));
    expect(read).toEqual(signature);
    expect(await verifyManifest(carried, signature)).toBe(true);
    expect(await verifyManifest({ ...carried, version: "1.0.1" }, signature)).toBe(false);
    expect(await verifyManifest(carried, { ...signature, publicKey: "A".repeat(43) })).toBe(false);
  });

  test("has one canonical text", () => {
    expect(canonicalJson({ b: [1e21, -0, "\u20ac\n"], a: { é: null, z: true } })).toBe(
      '{"a":{"z":true,"é":null},"b":[1e+21,0,"€\\n"]}',
    );
    expect(() => canonicalJson("\ud800")).toThrow(TypeError);
  });
});

test("tools are read as untrusted, and inputs held to their schemas", () => {
  const input = { type: "object", properties: { name: { type: "string", maxLength: 3 } }, required: ["name"] } as const;
  const list = [{ name: "greet", description: "Greets.", input }];
  expect(parseToolList(JSON.stringify(list))).toMatchObject([{ name: "greet", effect: "read" }]);
  const pattern = [{ ...list[0], input: { ...input, properties: { name: { type: "string", pattern: "(a+)+$" } } } }];
  expect(() => parseToolList(JSON.stringify(pattern))).toThrow("tools");
  expect(() => parseToolList("[]")).toThrow("tools");
  expect(mismatch(input, { name: "ab" })).toBeUndefined();
  expect(mismatch(input, { name: "abcd" })).toContain("name");
});
