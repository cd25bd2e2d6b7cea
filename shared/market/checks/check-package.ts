import { toHex } from "../../plugin/hex.ts";
import { ANY_PUBLIC_HOST, type Manifest } from "../../plugin/manifest.ts";
import type { PluginPackage } from "../../plugin/package.ts";
import { bySeverity, type Finding, finding } from "../findings.ts";
import { checkBinary } from "./binary.ts";
import { type CodeReading, hostsIn, readCode } from "./code.ts";
import { checkSecrets } from "./secrets.ts";
import { checkText } from "./text.ts";

const CODE = /\.m?js$/;
/** What the sandbox gives every module. */
const GIVEN = new Set(["porchlight/plugin"]);
const MOST_FINDINGS = 200;
const MANIFEST = "manifest.json";

export type CheckedPackage = Pick<PluginPackage, "manifest" | "files" | "hash">;

/** Whether it is a plugin that could run at all: its code is code, and imports what is there. */
export async function validatePackage({ manifest, files }: CheckedPackage): Promise<Finding[]> {
  const found: Finding[] = [];
  if (!CODE.test(manifest.entry)) found.push(finding("entry_not_javascript", manifest.entry));
  for (const [path, bytes] of files) {
    found.push(...(await checkBinary(path, bytes)));
    const reading = readingOf(path, bytes);
    if (reading === undefined) continue;
    found.push(...reading.findings.filter(({ code }) => code === "code_unreadable" || code === "import_computed"));
    for (const { specifier, line } of reading.imports) {
      if (!GIVEN.has(specifier) && !files.has(resolved(path, specifier)))
        found.push(finding("import_unknown", path, line, specifier));
    }
  }
  return settled(found);
}

/** What its code and texts hold that a person should see, or that nobody should be given. */
export async function scanPackage(
  { manifest, files, hash }: CheckedPackage,
  isBad: (sha256: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<Finding[]> {
  const found: Finding[] = [];
  const bad = await isBad([hash, ...manifest.files.map(({ sha256 }) => sha256)]);
  if (bad.has(hash)) found.push(finding("known_bad", MANIFEST));
  for (const { path, sha256 } of manifest.files) if (bad.has(sha256)) found.push(finding("known_bad", path));
  found.push(...checkText(MANIFEST, JSON.stringify(manifest, undefined, 1)));
  const named = new Set<string>();
  for (const [path, bytes] of files) {
    const text = textOf(bytes);
    if (text === undefined) continue;
    found.push(...checkSecrets(path, text));
    const reading = readingOf(path, bytes);
    // Of code, the strings were read as what they are; characters that nobody sees are looked for in all of it.
    const texts = checkText(path, text);
    found.push(...(reading === undefined ? texts : texts.filter(({ code }) => code === "hidden_characters")));
    if (reading === undefined) continue;
    found.push(...reading.findings.filter(({ code }) => code !== "code_unreadable" && code !== "import_computed"));
    found.push(...hosts(path, reading, manifest, named));
  }
  if (manifest.permissions.net.includes(ANY_PUBLIC_HOST)) found.push(finding("any_host", MANIFEST));
  return settled([...found, ...unused(manifest, named)]);
}

/** SHA-256 (hex) of a package's bytes. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
}

function hosts(path: string, { strings }: CodeReading, manifest: Manifest, named: Set<string>): Finding[] {
  const found = new Map<string, Finding>();
  const isAny = manifest.permissions.net.includes(ANY_PUBLIC_HOST);
  for (const { value, line } of strings) {
    named.add(value);
    for (const host of hostsIn(value)) {
      named.add(host);
      if (!isAny && !manifest.permissions.net.includes(host) && !found.has(host))
        found.set(host, finding("host_undeclared", path, line, host));
    }
  }
  return [...found.values()];
}

/** Hosts and secrets that it asks for though no string of its code is or has them. */
function unused({ permissions }: Manifest, named: ReadonlySet<string>): Finding[] {
  const strings = [...named];
  const net = permissions.net.filter((host) => host !== ANY_PUBLIC_HOST); // what no code has to name
  const asked = [...net, ...permissions.secrets, ...permissions.tools];
  return asked
    .filter((name) => !named.has(name) && !strings.some((text) => text.includes(name)))
    .map((name) => finding("permission_unused", MANIFEST, 0, name));
}

function readingOf(path: string, bytes: Uint8Array): CodeReading | undefined {
  const text = CODE.test(path) ? textOf(bytes) : undefined;
  if (text !== undefined) return readCode(path, text);
  return CODE.test(path) ? { findings: [finding("code_unreadable", path)], imports: [], strings: [] } : undefined;
}

/** The file as text, if it is one. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8_192).includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // not UTF-8
  }
}

/** The path within the package that a specifier leads to; out of it, one that no package has. */
function resolved(from: string, specifier: string): string {
  if (!specifier.startsWith("./") && !specifier.startsWith("../")) return `bare:${specifier}`;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return `outside:${specifier}`;
    } else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function settled(found: readonly Finding[]): Finding[] {
  return bySeverity(found).slice(0, MOST_FINDINGS);
}
