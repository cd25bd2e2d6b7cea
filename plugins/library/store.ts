import type { PluginStorage } from "../../shared/plugin/index.ts";
import type { Chunk } from "./chunks.ts";

export interface StoredDocument {
  id: string;
  name: string;
  /** SHA-256 of the file, base64. */
  hash: string;
  chunks: number;
  /** ISO 8601. */
  added: string;
}

export interface Catalogue {
  /** New with every change, and nobody can guess it: what is kept in memory goes by it. */
  version: string;
  documents: StoredDocument[];
  /** Values that the search index is kept in. */
  indexParts: number;
}

const CATALOGUE = "catalogue";
/** Longer than any call runs: what is older and in no catalogue was left by a call that broke off. */
const LEFT_OVER_MS = 10 * 60_000;
/** Longer than one use of storage takes. */
const SETTLE_MS = 50;
const CHUNKS_OF_PART = 200;
const PART_BYTES = 1_000_000;

export async function loadCatalogue(storage: PluginStorage): Promise<Catalogue> {
  const kept = await storage.get(CATALOGUE);
  if (kept === undefined) return { version: "", documents: [], indexParts: 0 };
  return JSON.parse(new TextDecoder().decode(kept)) as Catalogue; // this plugin alone writes it
}

/** With the time it was made at, and a part that nobody can guess. */
export function newId(): string {
  return `${Date.now().toString(36)}-${crypto.randomUUID()}`;
}

/** Deletes what no catalogue names, and no call that still runs can have written. */
export async function sweep(storage: PluginStorage, { version, documents }: Catalogue): Promise<void> {
  const known = new Set([version, ...documents.map(({ id }) => id)]);
  for (const key of [...(await storage.list("index/")), ...(await storage.list("chunks/"))]) {
    const [, id = ""] = key.split("/");
    const made = Number.parseInt(id.split("-")[0] ?? "", 36);
    if (!known.has(id) && Date.now() - made > LEFT_OVER_MS) await storage.delete(key);
  }
}

/**
 * Index first, catalogue last: a call that breaks off leaves the library as it was. False where another call came in between; storage
 * has no transactions, so that it is looked at once more (`isDone`) when whoever had read the same as this call must have written.
 */
export async function saveCatalogue(
  storage: PluginStorage,
  documents: StoredDocument[],
  index: string,
  before: Catalogue,
  isDone: (documents: readonly StoredDocument[]) => boolean,
): Promise<boolean> {
  const version = newId();
  const bytes = await gzip(index);
  const catalogue = { version, documents, indexParts: Math.ceil(bytes.length / PART_BYTES) };
  for (let part = 0; part < catalogue.indexParts; part++)
    await storage.set(`index/${version}/${part}`, bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
  let isSaved = (await loadCatalogue(storage)).version === before.version;
  if (isSaved) {
    await storage.set(CATALOGUE, JSON.stringify(catalogue));
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    isSaved = isDone((await loadCatalogue(storage)).documents);
  }
  await deleteIndex(storage, isSaved ? before : catalogue);
  return isSaved;
}

async function deleteIndex(storage: PluginStorage, { version, indexParts }: Catalogue): Promise<void> {
  for (let part = 0; part < indexParts; part++) await storage.delete(`index/${version}/${part}`);
}

/** Undefined where another call has just put a new one in its place. */
export async function loadIndex(
  storage: PluginStorage,
  { version, indexParts }: Catalogue,
): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  for (let part = 0; part < indexParts; part++) {
    const kept = await storage.get(`index/${version}/${part}`);
    if (kept === undefined) return undefined;
    parts.push(kept);
  }
  return await gunzip(parts);
}

export async function saveChunks(storage: PluginStorage, id: string, chunks: readonly Chunk[]): Promise<void> {
  for (let part = 0; part * CHUNKS_OF_PART < chunks.length; part++) {
    const own = chunks.slice(part * CHUNKS_OF_PART, (part + 1) * CHUNKS_OF_PART);
    await storage.set(`chunks/${id}/${part}`, await gzip(JSON.stringify(own)));
  }
}

export async function deleteChunks(storage: PluginStorage, { id, chunks }: StoredDocument): Promise<void> {
  for (let part = 0; part * CHUNKS_OF_PART < chunks; part++) await storage.delete(`chunks/${id}/${part}`);
}

/** Reads each part of a document once. */
export function chunkReader(storage: PluginStorage): (id: string, number: number) => Promise<Chunk | undefined> {
  const parts = new Map<string, Promise<Chunk[]>>();
  return async (id, number) => {
    const key = `chunks/${id}/${Math.floor(number / CHUNKS_OF_PART)}`;
    const part = parts.get(key) ?? loadPart(storage, key);
    parts.set(key, part);
    return (await part)[number % CHUNKS_OF_PART];
  };
}

async function loadPart(storage: PluginStorage, key: string): Promise<Chunk[]> {
  const kept = await storage.get(key);
  return kept === undefined ? [] : (JSON.parse(await gunzip([kept])) as Chunk[]); // as `saveChunks` wrote it
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function gunzip(parts: readonly Uint8Array[]): Promise<string> {
  const blob = new Blob(parts.map((part) => new Uint8Array(part)));
  return await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
