import { concatBytes } from "../bytes.ts";
import { PorchlightError } from "../errors.ts";
import { MOST_FILES } from "./limits.ts";
import { isPackagePath } from "./path.ts";

const BLOCK = 512;
const latin = new TextDecoder("latin1");
const utf8 = new TextEncoder();

/**
 * Files as a POSIX ustar archive with every field fixed but name and size, so that the same files give the same bytes. Any tar opens
 * it. Paths must pass `isPackagePath`: they then fit the name field.
 */
export function writeArchive(entries: readonly (readonly [path: string, content: Uint8Array])[]): Uint8Array {
  const parts = entries.flatMap(([path, content]) => [
    header(path, content.length),
    content,
    new Uint8Array(paddingOf(content.length)),
  ]);
  return concatBytes([...parts, new Uint8Array(2 * BLOCK)]);
}

/**
 * The files of such an archive. Nothing else is taken: no links, folders, extensions, other owners or modes, no name twice even in
 * other case, nothing behind the end. Throws PorchlightError `plugin_invalid`.
 */
export function readArchive(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  let offset = 0;
  while (bytes[offset] !== undefined && bytes[offset] !== 0) {
    const head = bytes.subarray(offset, offset + BLOCK);
    const path = latin.decode(head.subarray(0, 100)).replace(/\0+$/, "");
    const digits = latin.decode(head.subarray(124, 135));
    const type = latin.decode(head.subarray(156, 157));
    // A link may have any name, and anything that is no file.
    if (type === "1" || type === "2") throw invalid(`'${shown(path)}' is a link. A package has none.`);
    if (type !== "0") throw invalid(`'${shown(path)}' is not a plain file of a package.`);
    if (!isPackagePath(path)) throw invalid(whyNot(path));
    if (!/^[0-7]{11}$/.test(digits)) throw invalid(`The size of '${path}' cannot be read.`);
    const size = Number.parseInt(digits, 8);
    const start = offset + BLOCK;
    const end = start + size;
    if (!sameBytes(head, header(path, size))) throw invalid(`'${path}' is not a plain file of a package.`);
    if (end + paddingOf(size) > bytes.length) throw invalid("The archive ends within a file.");
    if (seen.has(path.toLowerCase())) throw invalid(`'${path}' is there twice, or differs from another by case alone.`);
    if (seen.size > MOST_FILES + 1) throw invalid(`A package has at most ${MOST_FILES} files.`);
    seen.add(path.toLowerCase());
    files.set(path, bytes.slice(start, end));
    offset = end + paddingOf(size);
    if (bytes.subarray(end, offset).some((byte) => byte !== 0)) throw invalid("There is something between the files.");
  }
  const rest = bytes.subarray(offset);
  if (rest.length !== 2 * BLOCK || rest.some((byte) => byte !== 0))
    throw invalid("The archive does not end as it should.");
  return files;
}

/** POSIX.1-1988 ustar: a plain file, mode 644, of nobody, of 1970. */
function header(path: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => block.set(utf8.encode(text), at);
  put(0, path);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, " ".repeat(8)); // the checksum counts its own field as spaces
  put(156, "0");
  put(257, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function whyNot(path: string): string {
  if (path.startsWith("/") || path.split("/").includes("..")) return `'${shown(path)}' leaves the package's folder.`;
  return `'${shown(path)}' is no name that every system has for a file.`;
}

/** A name that somebody else chose, for a sentence. */
function shown(path: string): string {
  return path.replace(/[^\u0020-\u007e]/g, "?");
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function invalid(message: string): PorchlightError {
  return new PorchlightError("plugin_invalid", message);
}
