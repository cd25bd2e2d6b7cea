import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../shared/plugin/canonical.ts";
import { readPackage, writePackage } from "../../../shared/plugin/package.ts";
import { verifyManifest } from "../../../shared/plugin/signature.ts";
import { zipOf } from "../../support/zip-writer.ts";
import { makePackage, newPublisherKeys } from "../../support/market.ts";

const utf8 = new TextEncoder();

/** One entry as any tar writer would make it, honest in its checksum whatever it says. */
function entry(path: string, content: Uint8Array, { type = "0", link = "", magic = "ustar\x0000" } = {}): Uint8Array {
  const block = new Uint8Array(512 + Math.ceil(content.length / 512) * 512);
  const put = (at: number, text: string): void => block.set(utf8.encode(text), at);
  put(0, path);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${content.length.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, " ".repeat(8));
  put(156, type);
  put(157, link);
  put(257, magic);
  put(
    148,
    `${block
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
  );
  block.set(content, 512);
  return block;
}

const archive = (...entries: Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat([...entries, new Uint8Array(1024)]));

const honest = await makePackage({ name: "@ada/corpus", files: { "data.txt": "data" } });
const manifest = utf8.encode(canonicalJson(honest.manifest));
const main = honest.files.get("main.js") ?? new Uint8Array();
const data = honest.files.get("data.txt") ?? new Uint8Array();
const whole = [entry("manifest.json", manifest), entry("data.txt", data), entry("main.js", main)];

/** What each package is, and the word in the refusal that names what is wrong with it. */
const CORPUS: Record<string, [Uint8Array, RegExp]> = {
  "a gzip bomb": [gzipSync(new Uint8Array(64 * 1024 * 1024)), /gzip|compressed/],
  "a package in gzip": [gzipSync(honest.bytes), /gzip|compressed/],
  "a package in zip": [zipOf([{ name: "main.js", bytes: main }]), /zip|compressed/],
  "a path that climbs out": [archive(...whole, entry("../evil.js", main)), /'\.\.\/evil\.js'.*leaves/],
  "a path that climbs out in the middle": [archive(...whole, entry("a/../../evil.js", main)), /leaves/],
  "an absolute path": [archive(...whole, entry("/etc/passwd", main)), /leaves/],
  "a path of another system": [archive(...whole, entry("a\\..\\evil.js", main)), /name/],
  "a device's name": [archive(...whole, entry("aux.js", main)), /name/],
  "a symbolic link": [
    archive(...whole, entry("link.js", new Uint8Array(), { type: "2", link: "/etc/passwd" })),
    /link/,
  ],
  "a hard link": [archive(...whole, entry("link.js", new Uint8Array(), { type: "1", link: "main.js" })), /link/],
  "a device": [archive(...whole, entry("dev", new Uint8Array(), { type: "3" })), /plain file/],
  "a folder": [archive(...whole, entry("lib", new Uint8Array(), { type: "5" })), /plain file/],
  "an extended header": [
    archive(entry("x", utf8.encode("20 path=../evil.js\n"), { type: "x" }), ...whole),
    /plain file/,
  ],
  "a long name of GNU's": [archive(entry("L", utf8.encode("../evil.js"), { type: "L" }), ...whole), /plain file/],
  "a sparse file": [archive(...whole, entry("s", new Uint8Array(), { type: "S" })), /plain file/],
  "names that differ by case": [archive(...whole, entry("MAIN.js", main)), /'MAIN\.js'.*case/],
  "the same name twice": [archive(...whole, entry("main.js", main)), /'main\.js'.*twice/],
  "two manifests": [archive(entry("manifest.json", manifest), ...whole), /'manifest\.json'.*twice/],
  "a renamed file under a valid list": [
    archive(entry("manifest.json", manifest), entry("other.js", main), entry("data.txt", data)),
    /'main\.js' is not the file/,
  ],
  "two files that changed places": [
    archive(entry("manifest.json", manifest), entry("main.js", data), entry("data.txt", main)),
    /'data\.txt' is not the file/,
  ],
  "files in another order": [
    archive(entry("manifest.json", manifest), entry("main.js", main), entry("data.txt", data)),
    /one form/,
  ],
  "a manifest that is not the first": [
    archive(entry("data.txt", data), entry("main.js", main), entry("manifest.json", manifest)),
    /one form/,
  ],
  "a file besides": [archive(...whole, entry("more.js", main)), /other files/],
  "a file too few": [archive(entry("manifest.json", manifest), entry("main.js", main)), /other files/],
  "something behind the end": [new Uint8Array([...honest.bytes, ...whole.flatMap((one) => [...one])]), /end/],
  "something between the files": [
    archive(entry("manifest.json", manifest), withTail(entry("main.js", main)), entry("data.txt", data)),
    /between/,
  ],
  "a size that reaches past the end": [archive(...whole).slice(0, 1536), /end/],
  "a manifest that lists a path outside": [
    archive(entry("manifest.json", utf8.encode(bend(/"path":"data\.txt"/, '"path":"../data.txt"'))), ...whole.slice(1)),
    /path/i,
  ],
  "a manifest that lists a file twice by case": [
    archive(entry("manifest.json", utf8.encode(bend(/"path":"data\.txt"/, '"path":"Main.js"'))), ...whole.slice(1)),
    /case/,
  ],
  "a manifest with members twice": [
    archive(entry("manifest.json", utf8.encode(bend(/^\{/, '{"name":"@eve/x",'))), ...whole.slice(1)),
    /canonical/,
  ],
};

function bend(pattern: RegExp, by: string): string {
  return canonicalJson(honest.manifest).replace(pattern, by);
}

function withTail(block: Uint8Array): Uint8Array {
  block[block.length - 1] = 1;
  return block;
}

describe("a package is refused by name", () => {
  test.each(Object.entries(CORPUS))("%s", async (_, [bytes, named]) => {
    await expect(readPackage(bytes)).rejects.toMatchObject({
      code: "plugin_invalid",
      message: expect.stringMatching(named),
    });
  });

  test("but not an honest one", async () => {
    expect((await readPackage(archive(...whole))).hash).toBe(honest.hash);
  });
});

describe("a signature", () => {
  test("of another package, key or manifest does not hold", async () => {
    const [ada, eve] = [await newPublisherKeys(), await newPublisherKeys()];
    const signed = await makePackage({ name: "@ada/corpus" }, ada);
    const other = await makePackage({ name: "@ada/corpus", version: "2.0.0" }, ada);
    if (signed.signature === undefined || other.signature === undefined) throw new Error("not signed");
    expect(await verifyManifest(signed.manifest, signed.signature)).toBe(true);
    expect(await verifyManifest(signed.manifest, other.signature)).toBe(false);
    expect(await verifyManifest(signed.manifest, { ...signed.signature, publicKey: eve.raw })).toBe(false);
    const files = new Map(signed.files);
    const moved = writePackage(signed.manifest, files, other.signature);
    const read = await readPackage(moved);
    expect(read.signature && (await verifyManifest(read.manifest, read.signature))).toBe(false);
  });
});
