import { definePlugin, type PluginStorage, tool } from "../../shared/plugin/index.ts";
import { pickedFile } from "../shared/picked.ts";
import { addFiles, readLibrary, removeDocument, searchLibrary } from "./library.ts";
import { loadCatalogue } from "./store.ts";

const MOST_LISTED = 100;
const MOST_QUERY = 500;
const DOCUMENT = { type: "string", description: "A document's name, or a part of it", maxLength: 300 } as const;

function kept(storage: PluginStorage | undefined): PluginStorage {
  if (storage === undefined)
    throw new Error("The library may keep nothing. The user can allow it in the plugin's settings.");
  return storage;
}

const search = tool({
  description:
    "Searches the user's own library of documents for passages about something. Each has the document's name and the place in it: say both when you use it. Use words that the document would use.",
  input: {
    type: "object",
    properties: {
      query: { type: "string", description: "What is looked for, in a few words", minLength: 1, maxLength: MOST_QUERY },
      document: { ...DOCUMENT, description: "Only in this document" },
      limit: { type: "integer", description: "How many passages", minimum: 1, maximum: 10, default: 5 },
    },
    required: ["query"],
    additionalProperties: false,
  },
  async execute({ input, storage }) {
    const { found, count } = await searchLibrary(kept(storage), input.query, input.document, input.limit ?? 5);
    if (found.length === 0) throw new RangeError("Nothing in the library has these words. Try others, or fewer.");
    return { passages: found, count, truncated: count > found.length };
  },
});

const add = tool({
  description:
    "Adds the files that the user picked to their library, so that they are found later: texts, Markdown, HTML, CSV and PDF. A file of the same name is replaced.",
  input: {
    type: "object",
    properties: { file: { type: "string", description: "Only the picked file of this name", maxLength: 300 } },
    required: [],
    additionalProperties: false,
  },
  async execute({ input, storage, files, progress }) {
    const own = kept(storage);
    const first = input.file === undefined || input.file === "" ? undefined : await pickedFile(files, input.file);
    const all = first === undefined ? ((await files?.list()) ?? []) : [first];
    if (files === undefined || all.length === 0)
      throw new RangeError("No file was picked. Ask the user to attach one.");
    return { files: await addFiles(own, files, all, async (done, name) => await progress(done, name)) };
  },
});

const list = tool({
  description: "Lists the documents of the user's library.",
  input: { type: "object", properties: {}, required: [], additionalProperties: false },
  async execute({ storage }) {
    const { documents } = await loadCatalogue(kept(storage));
    const shown = documents
      .slice(0, MOST_LISTED)
      .map(({ name, chunks, added }) => ({ name, passages: chunks, added: added.slice(0, 10) }));
    return { documents: shown, count: documents.length, truncated: documents.length > shown.length };
  },
});

const read = tool({
  description:
    "Reads a document of the user's library from a passage on, to see what stands before or after one that was found.",
  input: {
    type: "object",
    properties: {
      document: DOCUMENT,
      passage: { type: "integer", description: "The passage to start at, from 1", minimum: 1, default: 1 },
      count: { type: "integer", description: "How many passages", minimum: 1, maximum: 8, default: 3 },
    },
    required: ["document"],
    additionalProperties: false,
  },
  async execute({ input, storage }) {
    const { found, passages } = await readLibrary(kept(storage), input.document, input.passage ?? 1, input.count ?? 3);
    return { passages: found, of: passages, truncated: (found.at(-1)?.passage ?? 0) < passages };
  },
});

const remove = tool({
  description: "Removes a document from the user's library for good.",
  effect: "write",
  input: { type: "object", properties: { document: DOCUMENT }, required: ["document"], additionalProperties: false },
  async execute({ input, storage }) {
    const { name } = await removeDocument(kept(storage), input.document);
    return { removed: name };
  },
});

export default definePlugin({
  tools: { search, add, list, read, remove },
  knowledge: {
    description: "The user's own library of documents.",
    async search({ input: { query, most }, storage }) {
      if (storage === undefined || (await loadCatalogue(storage)).documents.length === 0) return [];
      const { found } = await searchLibrary(storage, query.slice(0, MOST_QUERY), undefined, most);
      return found.map(({ document, place, text }) => ({ title: [document, place].filter(Boolean).join(", "), text }));
    },
  },
});
