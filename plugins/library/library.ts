import type { PickedFile, PluginFiles, PluginStorage } from "../../shared/plugin/index.ts";
import type { Chunk } from "./chunks.ts";
import { addToIndex, forgetIndex, type Index, openLibrary, removeFromIndex, searchIndex } from "./index.ts";
import { readChunks } from "./read-file.ts";
import {
  type Catalogue,
  chunkReader,
  deleteChunks,
  loadCatalogue,
  newId,
  saveCatalogue,
  saveChunks,
  type StoredDocument,
  sweep,
} from "./store.ts";

const MOST_FILE_BYTES = 20_000_000;
const MOST_DOCUMENTS = 500;
const MOST_ATTEMPTS = 10;
const MOST_PAUSE_MS = 100;
/** About 12 MB of text: more would not be read into an isolate's memory in a second. */
const MOST_CHUNKS = 15_000;

export interface Added {
  name: string;
  passages?: number;
  /** Why it was not added. */
  problem?: string;
}

export interface Found {
  document: string;
  /** Where in it, in words that a person can follow. */
  place: string;
  passage: number;
  text: string;
}

/** Takes files in; each is told by itself, so that one that cannot be read costs no other. */
export async function addFiles(
  storage: PluginStorage,
  files: PluginFiles,
  wanted: readonly PickedFile[],
  onProgress: (done: number, name: string) => Promise<void>,
): Promise<Added[]> {
  const before = await loadCatalogue(storage);
  await sweep(storage, before);
  const added: Added[] = [];
  const fresh = new Map<string, { document: StoredDocument; chunks: Chunk[] }>();
  for (const [number, file] of wanted.entries()) {
    await onProgress(number / wanted.length, file.name);
    try {
      const known = [...before.documents, ...Array.from(fresh.values(), ({ document }) => document)];
      const read = await readDocument(files, file, known);
      await saveChunks(storage, read.document.id, read.chunks);
      fresh.set(file.name, read);
      added.push({ name: file.name, passages: read.chunks.length });
    } catch (error) {
      added.push({ name: file.name, problem: error instanceof Error ? error.message : "It could not be read." });
    }
  }
  const gone: StoredDocument[] = [];
  if (fresh.size > 0)
    await change(
      storage,
      async (documents, index) => {
        gone.splice(0);
        gone.push(...documents.filter(({ name }) => fresh.has(name)));
        for (const { id, chunks } of gone) await removeFromIndex(index, id, chunks);
        for (const { document, chunks } of fresh.values()) addToIndex(index, document.id, chunks);
        return [
          ...documents.filter((one) => !gone.includes(one)),
          ...Array.from(fresh.values(), ({ document }) => document),
        ];
      },
      (documents) => Array.from(fresh.values()).every(({ document }) => documents.some(({ id }) => id === document.id)),
    );
  for (const document of gone)
    if (fresh.get(document.name)?.document.id !== document.id) await deleteChunks(storage, document);
  return added;
}

/** Changes the library, and does so again if another call has changed it meanwhile. */
async function change(
  storage: PluginStorage,
  apply: (documents: StoredDocument[], index: Index) => Promise<StoredDocument[]>,
  isDone: (documents: readonly StoredDocument[]) => boolean,
): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { catalogue: before, index } = await openLibrary(storage);
    forgetIndex();
    const documents = await apply(before.documents, index);
    if (await saveCatalogue(storage, documents, JSON.stringify(index), before, isDone)) return;
    await new Promise((done) => setTimeout(done, Math.random() * MOST_PAUSE_MS));
  }
  throw new Error("The library is being changed by others. Try again in a moment.");
}

async function readDocument(
  files: PluginFiles,
  file: PickedFile,
  documents: readonly StoredDocument[],
): Promise<{ document: StoredDocument; chunks: Chunk[] }> {
  if (file.bytes > MOST_FILE_BYTES) throw new RangeError("It is larger than 20 MB.");
  const bytes = await files.read(file.id);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const same = documents.find((one) => one.hash === hash);
  if (same !== undefined) throw new RangeError(`It is there already, as '${same.name}'.`);
  const chunks = await readChunks(file, bytes);
  if (chunks.length === 0) throw new RangeError("There is no text in it.");
  const others = documents.filter(({ name }) => name !== file.name);
  if (others.length >= MOST_DOCUMENTS)
    throw new RangeError(`A library has at most ${MOST_DOCUMENTS} documents. Remove some.`);
  if (others.reduce((sum, { chunks: own }) => sum + own, chunks.length) > MOST_CHUNKS)
    throw new RangeError("The library would be too large to be searched. Remove documents first.");
  const added = new Date().toISOString();
  return {
    document: { id: newId(), name: file.name, hash, chunks: chunks.length, added },
    chunks,
  };
}

export async function searchLibrary(
  storage: PluginStorage,
  query: string,
  name: string | undefined,
  limit: number,
): Promise<{ found: Found[]; count: number }> {
  const { catalogue, index } = await openLibrary(storage);
  requireFilled(catalogue);
  const only = name === undefined || name.trim() === "" ? undefined : documentNamed(catalogue, name);
  const hits = searchIndex(index, query, only?.id);
  const chunkAt = chunkReader(storage);
  const found: Found[] = [];
  for (const { id, number } of hits.slice(0, limit)) {
    const document = catalogue.documents.find((one) => one.id === id);
    const chunk = await chunkAt(id, number);
    if (document !== undefined && chunk !== undefined) found.push(shown(document, chunk, number));
  }
  return { found, count: hits.length };
}

/** Passages of a document in their order. */
export async function readLibrary(
  storage: PluginStorage,
  name: string,
  from: number,
  most: number,
): Promise<{ found: Found[]; passages: number }> {
  const document = documentNamed(await filledCatalogue(storage), name);
  const chunkAt = chunkReader(storage);
  const found: Found[] = [];
  for (let number = from - 1; number < Math.min(from - 1 + most, document.chunks); number++) {
    const chunk = await chunkAt(document.id, number);
    if (chunk !== undefined) found.push(shown(document, chunk, number));
  }
  if (found.length === 0) throw new RangeError(`'${document.name}' has ${document.chunks} passages.`);
  return { found, passages: document.chunks };
}

export async function removeDocument(storage: PluginStorage, name: string): Promise<StoredDocument> {
  const document = documentNamed(await filledCatalogue(storage), name);
  await change(
    storage,
    async (documents, index) => {
      const isThere = documents.some(({ id }) => id === document.id);
      if (isThere) await removeFromIndex(index, document.id, document.chunks);
      return documents.filter(({ id }) => id !== document.id);
    },
    (documents) => documents.every(({ id }) => id !== document.id),
  );
  await deleteChunks(storage, document);
  return document;
}

async function filledCatalogue(storage: PluginStorage): Promise<Catalogue> {
  const catalogue = await loadCatalogue(storage);
  requireFilled(catalogue);
  return catalogue;
}

function requireFilled({ documents }: Catalogue): void {
  if (documents.length === 0) throw new RangeError("The library is empty. Ask the user to attach files, and add them.");
}

function documentNamed({ documents }: Catalogue, wanted: string): StoredDocument {
  const name = wanted.trim().toLowerCase();
  const exact = documents.find((one) => one.name.toLowerCase() === name);
  const [near, other] = documents.filter((one) => one.name.toLowerCase().includes(name));
  if (exact !== undefined) return exact;
  if (near !== undefined && other === undefined) return near;
  const names = documents.slice(0, 20).map((one) => `'${one.name}'`);
  throw new RangeError(`There is no one document '${wanted.slice(0, 80)}'. There are: ${names.join(", ")}.`);
}

function shown({ name }: StoredDocument, { text, page, line, heading }: Chunk, number: number): Found {
  const where = page === undefined ? `line ${line ?? 1}` : `page ${page}`;
  return { document: name, place: heading === undefined ? where : `${where}, ${heading}`, passage: number + 1, text };
}
