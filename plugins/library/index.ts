import MiniSearch, { type Options } from "minisearch";
import type { PluginStorage } from "../../shared/plugin/index.ts";
import { wordsOf } from "../shared/words.ts";
import type { Chunk } from "./chunks.ts";
import { type Catalogue, loadCatalogue, loadIndex } from "./store.ts";

/** `document/number`. */
interface Entry {
  id: string;
  text: string;
  heading: string;
}

const STOP_WORDS = new Set(
  "a an and are as at be by can do does for from had has have how i if in is it its not of on or that the their there these this to was what when where which who why will with you your".split(
    " ",
  ),
);
const OPTIONS: Options<Entry> = {
  fields: ["text", "heading"],
  autoVacuum: false,
  tokenize: wordsOf,
  processTerm: (term) => (STOP_WORDS.has(term) ? null : singular(term)),
  searchOptions: {
    boost: { heading: 1.5 },
    prefix: (term) => term.length > 3,
    weights: { prefix: 0.3, fuzzy: 0.2 },
    bm25: { k: 1.2, b: 0.7, d: 0.5 },
  },
};
/** Misspelt words are tried where the words as they are find nothing. */
const MISSPELT = { fuzzy: (term: string) => (term.length > 5 ? 0.2 : false) } as const;

/** Others may change the library while it is read. */
const MOST_ATTEMPTS = 3;

export type Index = MiniSearch<Entry>;

let kept: { version: string; index: Index } | undefined;

/** A library with its index, which is read once for each version: nobody else can know a version's name. */
export async function openLibrary(storage: PluginStorage): Promise<{ catalogue: Catalogue; index: Index }> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const catalogue = await loadCatalogue(storage);
    if (catalogue.indexParts === 0) return { catalogue, index: new MiniSearch(OPTIONS) };
    if (kept?.version !== catalogue.version) {
      const text = await loadIndex(storage, catalogue);
      if (text === undefined) continue;
      kept = { version: catalogue.version, index: MiniSearch.loadJSON(text, OPTIONS) };
    }
    return { catalogue, index: kept.index };
  }
  throw new Error("The library's index is not there. Add the files again.");
}

/** Before it is changed: what it becomes is no version's until it is saved. */
export function forgetIndex(): void {
  kept = undefined;
}

export function addToIndex(index: Index, id: string, chunks: readonly Chunk[]): void {
  index.addAll(chunks.map(({ text, heading = "" }, number) => ({ id: `${id}/${number}`, text, heading })));
}

export async function removeFromIndex(index: Index, id: string, chunks: number): Promise<void> {
  for (let number = 0; number < chunks; number++) index.discard(`${id}/${number}`);
  await index.vacuum({ batchSize: 100_000, batchWait: 0 });
}

/** Passages by BM25, the best first; those of one document where `id` is given. */
export function searchIndex(
  index: Index,
  query: string,
  id: string | undefined,
): { id: string; number: number; score: number }[] {
  const filter = id === undefined ? {} : { filter: ({ id: own }: { id: string }) => own.startsWith(`${id}/`) };
  const exact = index.search(query, filter);
  const found = exact.length > 0 ? exact : index.search(query, { ...filter, ...MISSPELT });
  return found.map(({ id: own, score }) => {
    const at = String(own).lastIndexOf("/");
    return { id: String(own).slice(0, at), number: Number(String(own).slice(at + 1)), score };
  });
}

/** English plurals, the plainest way. */
function singular(term: string): string {
  if (term.length < 4 || !/^[a-z]+s$/.test(term) || /(?:ss|us|is)$/.test(term)) return term;
  return term.endsWith("ies") ? `${term.slice(0, -3)}y` : term.slice(0, -1);
}
